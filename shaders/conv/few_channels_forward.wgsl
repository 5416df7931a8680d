// Convolution of few input channels: y[n, k, p, q] = bias[k] + Σ_{c, r, s} w[k, c, r, s] x[n, c, p·stride - pad + r, …].
// Each output costs little more than its store, so an input must not be loaded again for every output channel.
//
// Work: an invocation has four neighbouring outputs q of ROWS rows p and holds all of x that they see in registers. It
// walks over the output channels; the eight lanes of a subgroup load a channel's weights and share them by broadcasts.
// Constants: CHANNELS, KERNEL_R, KERNEL_S, STRIDE_H, STRIDE_W, PAD_H, PAD_W, ROWS, NEIGHBOURS, HAS_BIAS, WORKGROUP (a
// multiple of 8), RESULT_BINDING (4). Linked with few_channels_weights, few_channels_share, few_channels_line, few_channels_take_* and few_channels_put_*.wgsl.
// Needs subgroups of 8 lanes or more. Grid: x fours of positions, y parts of the output channels.

struct Params {
  n: u32, h: u32, w: u32, k: u32, p: u32, q: u32,
  part: u32, // output channels of an invocation
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;

const TAPS = CHANNELS * KERNEL_R * KERNEL_S;
const LINES = (ROWS - 1u) * STRIDE_H + KERNEL_R;

// Values of a row of x that four outputs see, and that lie before and after the 4·STRIDE_W in line with them.
const COLUMNS = 3u * STRIDE_W + KERNEL_S;
const FOURS = STRIDE_W;
const LEFT = PAD_W;
const RIGHT = max(COLUMNS, PAD_W + 4u * STRIDE_W) - PAD_W - 4u * STRIDE_W;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let across = (params.q + 3u) / 4u;
  let down = (params.p + ROWS - 1u) / ROWS;
  let image = min(id.x / (across * down), params.n - 1u);
  let p = id.x / across % down * ROWS;
  let q = id.x % across * 4u;

  var window: array<array<Line, LINES>, CHANNELS>;
  for (var c = 0u; c < CHANNELS; c++) {
    for (var i = 0u; i < LINES; i++) {
      let h = p * STRIDE_H + i - PAD_H; // what lies before the origin wraps to large numbers
      window[c][i] = load_line(((image * CHANNELS + c) * params.h + h) * params.w, q * STRIDE_W, params.w, h < params.h);
    }
  }

  let count = select(0u, min(params.q - q, 4u), id.x < params.n * across * down);
  let plane = params.p * params.q;
  let begin = id.y * params.part;
  let end = min(begin + params.part, params.k);
  var at = (image * params.k + begin) * plane + p * params.q + q;
  for (var k = begin; k < end; k++) {
    var weights = weights_of(k, lane & 7u);
    var start = 0.0;
    if (HAS_BIAS) { start = bias[k]; }
    for (var row = 0u; row < ROWS; row++) {
      var total = vec4(start);
      for (var c = 0u; c < CHANNELS; c++) {
        for (var r = 0u; r < KERNEL_R; r++) {
          for (var s = 0u; s < KERNEL_S; s++) {
            let line_of_x = &window[c][row * STRIDE_H + r];
            total += weights[c][r][s]
              * vec4((*line_of_x)[s], (*line_of_x)[s + STRIDE_W], (*line_of_x)[s + 2u * STRIDE_W], (*line_of_x)[s + 3u * STRIDE_W]);
          }
        }
      }
      put(at + row * params.q, select(0u, count, p + row < params.p), total);
    }
    at += plane;
  }
}
