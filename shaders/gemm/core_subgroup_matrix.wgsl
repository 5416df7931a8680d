// Matrix product, version 4, for adapters that multiply small matrices as one instruction of a subgroup ("tensor cores";
// WebGPU's experimental subgroup matrices, Vulkan's VK_KHR_cooperative_matrix): operands in float16, sums in float32.
//
// Scale: operands are brought into float16's range (65504 down to 6e-8) by a power of two each, taken from their own
// largest finite magnitude (largest_finite.wgsl), which comes to lie in [2^14, 2^15). That is exact and undone exactly in
// float32 on the way out, so neither large activations become infinite nor small gradients 0: an operand's values err by
// 2^-11 of themselves or 2^-28 of the largest, whichever is more. Infinity and NaN stay what they are. Beside one
// scale of the loss for a whole network (Micikevicius et al., "Mixed Precision Training", 2018), this needs no state, skips
// no step, and holds for gradients of gradients.
//
// Work: a workgroup of GROUPS_M × GROUPS_N subgroups computes a TILE_M × TILE_N tile of C, a subgroup ROWS × COLUMNS
// matrices of it, held in registers. Per step, DEPTH of the inner axis are staged in workgroup memory as float16, in the
// order in which neighbouring invocations read them: along the inner axis or across it. Results leave through workgroup
// memory one matrix a subgroup at a time, since only there can single values be reached.
//
// Constants: M, N and K of the adapter's matrices, MATRIX_M, MATRIX_N, MATRIX_K; LANES of a subgroup; ROWS, COLUMNS,
// GROUPS_M, GROUPS_N; DEPTH, a multiple of MATRIX_K; A_ALONG_INNER, B_ALONG_INNER; LARGEST_A, LARGEST_B, the bindings of
// largest_finite.wgsl's results, of PARTS words each. The workgroup must be a multiple of TILE_M, TILE_N and DEPTH.
// Grid: x tiles over N, y tiles over M, z the batch.

const TILE_M = MATRIX_M * ROWS * GROUPS_M;
const TILE_N = MATRIX_N * COLUMNS * GROUPS_N;
const SUBGROUPS = GROUPS_M * GROUPS_N;
const WORKGROUP = LANES * SUBGROUPS;
const MATRIX = MATRIX_M * MATRIX_N;

// Lines of a tile begin 8 values later than they would, so that lines read at once lie in different banks.
const PADDING = 8u;
const LINE_A = select(TILE_M, DEPTH, A_ALONG_INNER) + PADDING;
const LINE_B = select(TILE_N, DEPTH, B_ALONG_INNER) + PADDING;
const LINES_A = select(DEPTH, TILE_M, A_ALONG_INNER);
const LINES_B = select(DEPTH, TILE_N, B_ALONG_INNER);

alias Left = subgroup_matrix_left<f16, MATRIX_K, MATRIX_M>;
alias Right = subgroup_matrix_right<f16, MATRIX_N, MATRIX_K>;
alias Sums = subgroup_matrix_result<f32, MATRIX_N, MATRIX_M>;

@group(0) @binding(LARGEST_A) var<storage, read> largest_a: array<u32>;
@group(0) @binding(LARGEST_B) var<storage, read> largest_b: array<u32>;

var<workgroup> tile_a: array<f16, LINES_A * LINE_A>; // [m][k] if A_ALONG_INNER, else [k][m]
var<workgroup> tile_b: array<f16, LINES_B * LINE_B>; // [n][k] if B_ALONG_INNER, else [k][n]
var<workgroup> results: array<f32, SUBGROUPS * MATRIX>;
var<workgroup> largest: array<atomic<u32>, 2>;

// The k of the operand's scale 2^k, from the bits of its largest magnitude: 2^14 over the power of two below that.
fn exponent_of(bits: u32) -> i32 { return min(14 + 127 - i32(bits >> 23u), 126); }
// 2^k for -126 ≤ k ≤ 127.
fn power_of_two(k: i32) -> f32 { return bitcast<f32>(u32(k + 127) << 23u); }

// Loops count up to constants, so that compilers can unroll them and have their loads on the way at once.
fn stage_a(z: u32, first_m: u32, k0: u32, end: u32, local: u32, scale: f32) {
  if (A_ALONG_INNER) {
    let k = k0 + local % DEPTH;
    let inner = inner_at(z, min(k, end - 1u));
    for (var i = 0u; i < TILE_M * DEPTH / WORKGROUP; i++) {
      let m = local / DEPTH + i * (WORKGROUP / DEPTH);
      let value = select(0.0, a_value(row_at(z, first_m + m), inner), k < end);
      tile_a[m * LINE_A + local % DEPTH] = f16(value * scale);
    }
  } else {
    let row = row_at(z, first_m + local % TILE_M);
    for (var i = 0u; i < TILE_M * DEPTH / WORKGROUP; i++) {
      let j = local / TILE_M + i * (WORKGROUP / TILE_M);
      let value = select(0.0, a_value(row, inner_at(z, min(k0 + j, end - 1u))), k0 + j < end);
      tile_a[j * LINE_A + local % TILE_M] = f16(value * scale);
    }
  }
}

fn stage_b(z: u32, first_n: u32, k0: u32, end: u32, local: u32, scale: f32) {
  if (B_ALONG_INNER) {
    let k = k0 + local % DEPTH;
    let inner = inner_at(z, min(k, end - 1u));
    for (var i = 0u; i < TILE_N * DEPTH / WORKGROUP; i++) {
      let n = local / DEPTH + i * (WORKGROUP / DEPTH);
      let value = select(0.0, b_value(inner, column_at(z, first_n + n)), k < end);
      tile_b[n * LINE_B + local % DEPTH] = f16(value * scale);
    }
  } else {
    let column = column_at(z, first_n + local % TILE_N);
    for (var i = 0u; i < TILE_N * DEPTH / WORKGROUP; i++) {
      let j = local / TILE_N + i * (WORKGROUP / TILE_N);
      let value = select(0.0, b_value(inner_at(z, min(k0 + j, end - 1u)), column), k0 + j < end);
      tile_b[j * LINE_B + local % TILE_N] = f16(value * scale);
    }
  }
}

fn load_left(m: u32, k: u32) -> Left {
  if (A_ALONG_INNER) { return subgroupMatrixLoad<Left, row_major>(&tile_a, m * LINE_A + k, LINE_A); }
  return subgroupMatrixLoad<Left, col_major>(&tile_a, k * LINE_A + m, LINE_A);
}

fn load_right(k: u32, n: u32) -> Right {
  if (B_ALONG_INNER) { return subgroupMatrixLoad<Right, col_major>(&tile_b, n * LINE_B + k, LINE_B); }
  return subgroupMatrixLoad<Right, row_major>(&tile_b, k * LINE_B + n, LINE_B);
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(subgroup_id) subgroup: u32,
) {
  let z = group.z;
  let range = inner_range(z);
  let first_m = group.y * TILE_M;
  let first_n = group.x * TILE_N;

  if (local < 2u) { atomicStore(&largest[local], 0u); }
  workgroupBarrier();
  for (var i = local; i < PARTS; i += WORKGROUP) {
    atomicMax(&largest[0], largest_a[i]);
    atomicMax(&largest[1], largest_b[i]);
  }
  workgroupBarrier();
  let exponent_a = exponent_of(atomicLoad(&largest[0]));
  let exponent_b = exponent_of(atomicLoad(&largest[1]));
  let scale_a = power_of_two(exponent_a);
  let scale_b = power_of_two(exponent_b);

  // Where in the tile this subgroup's matrices begin.
  let my_m = subgroup / GROUPS_N * (ROWS * MATRIX_M);
  let my_n = subgroup % GROUPS_N * (COLUMNS * MATRIX_N);
  var sums: array<Sums, ROWS * COLUMNS>;
  for (var k0 = range.x; k0 < range.y; k0 += DEPTH) {
    stage_a(z, first_m, k0, range.y, local, scale_a);
    stage_b(z, first_n, k0, range.y, local, scale_b);
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k += MATRIX_K) {
      var left: array<Left, ROWS>;
      for (var i = 0u; i < ROWS; i++) { left[i] = load_left(my_m + i * MATRIX_M, k); }
      for (var j = 0u; j < COLUMNS; j++) {
        let right = load_right(k, my_n + j * MATRIX_N);
        for (var i = 0u; i < ROWS; i++) {
          sums[i * COLUMNS + j] = subgroupMatrixMultiplyAccumulate(left[i], right, sums[i * COLUMNS + j]);
        }
      }
    }
    workgroupBarrier();
  }

  // 2^-(exponents' sum) may be no float32: half of it at a time, which rounds only what is subnormal in the end.
  let undo = -(exponent_a + exponent_b);
  let undo_first = power_of_two(undo / 2);
  let undo_second = power_of_two(undo - undo / 2);
  let size = gemm_size();
  for (var i = 0u; i < ROWS; i++) {
    for (var j = 0u; j < COLUMNS; j++) {
      subgroupMatrixStore<row_major>(&results, subgroup * MATRIX, sums[i * COLUMNS + j], MATRIX_N);
      workgroupBarrier();
      for (var part = 0u; part < MATRIX / LANES; part++) {
        let at = part * WORKGROUP + local;
        let maker = at / MATRIX;
        let m = first_m + (maker / GROUPS_N * ROWS + i) * MATRIX_M + at % MATRIX / MATRIX_N;
        let n = first_n + (maker % GROUPS_N * COLUMNS + j) * MATRIX_N + at % MATRIX_N;
        if (m < size.x && n < size.y) {
          store(z, row_at(z, m), column_at(z, n), results[at] * undo_first * undo_second);
        }
      }
      workgroupBarrier();
    }
  }
}
