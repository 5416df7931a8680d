// y = softmax or log softmax of every line of x along one dimension.
//
//   softmax(x) = e^(x - m) / s,  log softmax(x) = x - m - log s,  m = max x,  s = Σ e^(x - m): nothing overflows.
// m and s are found in one pass by rescaling s whenever m grows (Milakov & Gimelshein 2018, "Online normalizer
// calculation for softmax").
//
// Shapes: x is (outer, length, inner), a line is x[o, :, i]; `lines` = outer inner.
// Work: LANES invocations share a line and take every LANES-th element; WORKGROUP / LANES lines share a workgroup.
// Neighbouring invocations take what is neighbouring in memory: elements of one line when inner is 1, else lines.
// The lanes' (m, s) are joined as a tree in workgroup memory, always in the same order.
// A line with NaN or ∞ (∞ - ∞) becomes NaN, all of it, as in PyTorch.
// Linked with elementwise/elementary.wgsl and is_nan.wgsl.
// Constants: WORKGROUP, LANES (a power of two), LINES_FIRST (neighbours take lines), LOG.

struct Params { lines: u32, length: u32, inner: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

const LINES_AT_ONCE = WORKGROUP / LANES;
// Below every finite value, and finite itself: no ∞ - ∞ before the first element.
const LOWEST = -3.4028234e38;
const HIGHEST = 3.4028234e38;

struct Part { largest: f32, sum: f32 }

var<workgroup> parts: array<Part, WORKGROUP>;

fn with_value(p: Part, value: f32) -> Part {
  let e = exp(-abs(value - p.largest));
  if (value > p.largest) { return Part(value, p.sum * e + 1.0); }
  return Part(p.largest, p.sum + e);
}

fn join(a: Part, b: Part) -> Part {
  let largest = max(a.largest, b.largest);
  return Part(largest, a.sum * exp(a.largest - largest) + b.sum * exp(b.largest - largest));
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
) {
  let lane = select(local % LANES, local / LINES_AT_ONCE, LINES_FIRST);
  let member = select(local / LANES, local % LINES_AT_ONCE, LINES_FIRST);
  let next_lane = select(1u, LINES_AT_ONCE, LINES_FIRST);
  let blocks = (params.lines + LINES_AT_ONCE - 1u) / LINES_AT_ONCE;
  for (var block = workgroup.x; block < blocks; block += workgroups.x) {
    let line = block * LINES_AT_ONCE + member;
    // A place past the last line walks nothing and writes nothing.
    let length = select(0u, params.length, line < params.lines);
    let base = (line / params.inner) * params.length * params.inner + line % params.inner;
    var part = Part(LOWEST, 0.0);
    for (var k = lane; k < length; k += LANES) {
      part = with_value(part, x[base + k * params.inner]);
    }
    if (LANES > 1u) {
      parts[local] = part;
      for (var half = LANES / 2u; half > 0u; half >>= 1u) {
        workgroupBarrier();
        if (lane < half) { parts[local] = join(parts[local], parts[local + half * next_lane]); }
      }
      workgroupBarrier();
      part = parts[local - lane * next_lane];
      workgroupBarrier();
    }
    let sum = select(part.sum, nan_like(part.largest), part.largest > HIGHEST);
    let log_sum = logarithm(sum);
    for (var k = lane; k < length; k += LANES) {
      let at = base + k * params.inner;
      let shifted = x[at] - part.largest;
      if (LOG) { y[at] = shifted - log_sum; } else { y[at] = exp(shifted) / sum; }
    }
  }
}
