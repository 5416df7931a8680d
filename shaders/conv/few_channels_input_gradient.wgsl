// Input gradient of a convolution of few input channels, and transposed convolution into few channels:
// gx[n, c, h, w] = bias[c] + Σ_{k, r, s : p·stride - pad + r = h} w[k, c, r, s] gy[n, k, p, q].
//
// Work: an invocation has a patch of ROWS·STRIDE_H rows × 4·STRIDE_W columns of gx, all channels, in registers. It walks
// over k: it loads the part of gy that the patch sees, ROWS rows of four and their borders; the eight lanes of a
// subgroup load the weights of k and share them by broadcasts.
// Constants: CHANNELS, KERNEL_R, KERNEL_S, STRIDE_H, STRIDE_W, PAD_H, PAD_W, ROWS (4 at most), NEIGHBOURS, HAS_BIAS,
// WORKGROUP (a multiple of 8), RESULT_BINDING (4). Linked with few_channels_weights, few_channels_share, few_channels_line, few_channels_take_* and
// few_channels_put_*.wgsl. Needs subgroups of 8 lanes or more. Grid: x patches.

struct Params { n: u32, h: u32, w: u32, k: u32, p: u32, q: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;

const TAPS = CHANNELS * KERNEL_R * KERNEL_S;

// Positions of gy before and after the patch's own that it sees.
const ABOVE = (KERNEL_R - 1u - PAD_H) / STRIDE_H;
const BELOW = (STRIDE_H - 1u + PAD_H) / STRIDE_H;
const LEFT = (KERNEL_S - 1u - PAD_W) / STRIDE_W;
const RIGHT = (STRIDE_W - 1u + PAD_W) / STRIDE_W;
const LINES = ABOVE + ROWS + BELOW;
const FOURS = 1u;

const PATCH_H = ROWS * STRIDE_H;

// Taps that one position of gx sees, at most.
const PHASE_R = (KERNEL_R + STRIDE_H - 1u) / STRIDE_H;
const PHASE_S = (KERNEL_S + STRIDE_W - 1u) / STRIDE_W;

alias Weights = array<array<array<f32, KERNEL_S>, KERNEL_R>, CHANNELS>;
alias Source = array<Line, LINES>;
alias Patch = array<array<array<vec4<f32>, STRIDE_W>, PATCH_H>, CHANNELS>; // four of each column phase

// Adds what the rows of gx above which row `row` of gy lies get from one k.
fn add_row(row: u32, weights: ptr<function, Weights>, g: ptr<function, Source>, sums: ptr<function, Patch>) {
  for (var c = 0u; c < CHANNELS; c++) {
    for (var phase_h = 0u; phase_h < STRIDE_H; phase_h++) {
      for (var phase_w = 0u; phase_w < STRIDE_W; phase_w++) {
        var sum = (*sums)[c][row * STRIDE_H + phase_h][phase_w];
        for (var i = 0u; i < PHASE_R; i++) {
          let r = (phase_h + PAD_H) % STRIDE_H + i * STRIDE_H;
          let line = &(*g)[ABOVE + row + (phase_h + PAD_H) / STRIDE_H - i];
          for (var j = 0u; j < PHASE_S; j++) {
            let s = (phase_w + PAD_W) % STRIDE_W + j * STRIDE_W;
            let column = LEFT + (phase_w + PAD_W) / STRIDE_W - j;
            if (r < KERNEL_R && s < KERNEL_S) {
              sum += (*weights)[c][r][s] * vec4((*line)[column], (*line)[column + 1u], (*line)[column + 2u], (*line)[column + 3u]);
            }
          }
        }
        (*sums)[c][row * STRIDE_H + phase_h][phase_w] = sum;
      }
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let across = (params.w + 4u * STRIDE_W - 1u) / (4u * STRIDE_W);
  let down = (params.h + PATCH_H - 1u) / PATCH_H;
  let image = min(id.x / (across * down), params.n - 1u);
  let p = id.x / across % down * ROWS;
  let q = id.x % across * 4u;

  let plane = params.p * params.q;
  var sums: Patch;
  var base = image * params.k * plane;
  for (var k = 0u; k < params.k; k++) {
    var weights = weights_of(k, lane & 7u);

    var g: Source;
    for (var i = 0u; i < LINES; i++) {
      let row = p + i - ABOVE; // what lies before the origin wraps to large numbers
      g[i] = load_line(base + row * params.q, q, params.q, row < params.p);
    }
    add_row(0u, &weights, &g, &sums);
    if (ROWS > 1u) { add_row(1u, &weights, &g, &sums); }
    if (ROWS > 2u) { add_row(2u, &weights, &g, &sums); }
    if (ROWS > 3u) { add_row(3u, &weights, &g, &sums); }
    base += plane;
  }

  let exists = id.x < params.n * across * down;
  for (var c = 0u; c < CHANNELS; c++) {
    var start = 0.0;
    if (HAS_BIAS) { start = bias[c]; }
    for (var i = 0u; i < PATCH_H; i++) {
      let h = p * STRIDE_H + i;
      for (var v = 0u; v < STRIDE_W; v++) {
        let w = q * STRIDE_W + 4u * v;
        let count = select(0u, min(params.w - min(w, params.w), 4u), exists && h < params.h);
        var four: vec4<f32>;
        for (var j = 0u; j < 4u; j++) { four[j] = sums[c][i][(4u * v + j) % STRIDE_W][(4u * v + j) / STRIDE_W]; }
        put(((image * CHANNELS + c) * params.h + h) * params.w + w, count, four + start);
      }
    }
  }
}
