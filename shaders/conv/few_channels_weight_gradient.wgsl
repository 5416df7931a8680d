// Weight gradient of a convolution of few input channels,
// gw[k, c, r, s] = Σ_{n, p, q} gy[n, k, p, q] x[n, c, p·stride - pad + r, …]: one pass over gy, the large operand.
//
// Work: a lane of the subgroup is an output channel, with BLOCKS - 1 more, LANES apart; it holds their gradients of all
// weights. It walks over the rows (n, p) of its part, four positions at once: it loads gy of its channels; the lanes
// load the part of x that the four see, and share it by broadcasts. The partial results [parts, K, C, R, S] are summed
// in fixed order by the reduction kernel.
// Constants: CHANNELS, KERNEL_R, KERNEL_S, STRIDE_H, STRIDE_W, PAD_H, PAD_W, BLOCKS (4 at most), RESULT_BINDING (3).
// LANES (of a subgroup, 8 or more). Linked with few_channels_share, few_channels_take_* (gy) and few_channels_put_*.wgsl.
// Grid: x parts of the rows, y blocks of LANES·BLOCKS output channels.

struct Params {
  n: u32, h: u32, w: u32, k: u32, p: u32, q: u32,
  part: u32, // rows of an invocation
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;

const TAPS = CHANNELS * KERNEL_R * KERNEL_S;
const SUM_VECTORS = (TAPS + 3u) / 4u;
const COLUMNS = 3u * STRIDE_W + KERNEL_S;
const VECTORS = (CHANNELS * KERNEL_R * COLUMNS + 7u) / 8u;

alias Window = array<array<array<f32, COLUMNS>, KERNEL_R>, CHANNELS>;
alias Sums = array<array<array<array<f32, KERNEL_S>, KERNEL_R>, CHANNELS>, BLOCKS>;

// Adds what the output channel first + LANES·b gets from a turn.
fn add_block(b: u32, at: u32, q: u32, first: u32, window: ptr<function, Window>, sums: ptr<function, Sums>) {
  let base = at + min(first + LANES * b, params.k - 1u) * (params.p * params.q);
  let g = take(base, min(params.q - q, 4u));
  for (var c = 0u; c < CHANNELS; c++) {
    for (var r = 0u; r < KERNEL_R; r++) {
      for (var s = 0u; s < KERNEL_S; s++) {
        let line = &(*window)[c][r];
        (*sums)[b][c][r][s] += dot(g, vec4((*line)[s], (*line)[s + STRIDE_W], (*line)[s + 2u * STRIDE_W], (*line)[s + 3u * STRIDE_W]));
      }
    }
  }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  // Where a lane's values of x lie in the window.
  var offset: array<u32, VECTORS>;
  var line: array<u32, VECTORS>;
  var column: array<u32, VECTORS>;
  for (var v = 0u; v < VECTORS; v++) {
    let i = min(v * 8u + (lane & 7u), CHANNELS * KERNEL_R * COLUMNS - 1u);
    line[v] = i / COLUMNS % KERNEL_R;
    column[v] = i % COLUMNS;
    offset[v] = (i / COLUMNS / KERNEL_R * params.h + line[v]) * params.w + column[v];
  }

  let plane = params.p * params.q;
  let first = group.y * (LANES * BLOCKS) + lane;
  var sums: Sums;
  let begin = group.x * params.part;
  let end = min(begin + params.part, params.n * params.p);
  for (var row = begin; row < end; row++) {
    let image = row / params.p;
    let p = row % params.p;
    let h = p * STRIDE_H - PAD_H; // what lies before the origin wraps to large numbers
    let gy_row = image * params.k * plane + p * params.q;
    let x_row = (image * CHANNELS * params.h + h) * params.w - PAD_W;
    for (var q = 0u; q < params.q; q += 4u) {
      var shared_values: array<array<f32, 8>, VECTORS>;
      for (var v = 0u; v < VECTORS; v++) {
        let inside = h + line[v] < params.h && q * STRIDE_W + column[v] - PAD_W < params.w;
        shared_values[v] = share(select(0.0, x[select(0u, x_row + q * STRIDE_W + offset[v], inside)], inside));
      }
      var window: Window;
      for (var c = 0u; c < CHANNELS; c++) {
        for (var r = 0u; r < KERNEL_R; r++) {
          for (var i = 0u; i < COLUMNS; i++) {
            let at = (c * KERNEL_R + r) * COLUMNS + i;
            window[c][r][i] = shared_values[at / 8u][at % 8u];
          }
        }
      }
      let at = gy_row + q;
      add_block(0u, at, q, first, &window, &sums);
      if (BLOCKS > 1u) { add_block(1u, at, q, first, &window, &sums); }
      if (BLOCKS > 2u) { add_block(2u, at, q, first, &window, &sums); }
      if (BLOCKS > 3u) { add_block(3u, at, q, first, &window, &sums); }
    }
  }

  for (var b = 0u; b < BLOCKS; b++) {
    let k = first + LANES * b;
    for (var v = 0u; v < SUM_VECTORS; v++) {
      var four: vec4<f32>;
      for (var j = 0u; j < 4u; j++) {
        let tap = min(4u * v + j, TAPS - 1u);
        four[j] = sums[b][tap / (KERNEL_R * KERNEL_S)][tap / KERNEL_S % KERNEL_R][tap % KERNEL_S];
      }
      put((group.x * params.k + k) * TAPS + 4u * v, select(0u, min(TAPS - 4u * v, 4u), k < params.k), four);
    }
  }
}
