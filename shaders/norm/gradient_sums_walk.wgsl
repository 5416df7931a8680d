// The sums of gradient_sums.wgsl over the units that one invocation visits. x̂ = (x - mean) / √(variance + eps) is
// computed again from x, which is kept anyway, instead of being stored by the forward pass.
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read> gy: array<Element>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> variance: array<f32>;

struct Accumulator { mean: f32, inv_std: f32, sum: Element, dot: Element }

fn begin(group: u32) -> Accumulator {
  return Accumulator(mean[group], 1.0 / sqrt(variance[group] + params.eps), Element(0.0), Element(0.0));
}

fn visit(sums: ptr<function, Accumulator>, at: u32) {
  let g = gy[at];
  (*sums).sum += g;
  (*sums).dot += g * (x[at] - (*sums).mean);
}

fn collapse(sums: Accumulator) -> Partial {
  return Partial(total(sums.sum), total(sums.dot) * sums.inv_std);
}
