// The moments of the units that one invocation visits, by Welford's recurrence (Technometrics 4, 1962); the four
// components of a vec4 Element are four independent series, joined at the end.
@group(0) @binding(1) var<storage, read> x: array<Element>;

struct Accumulator { count: f32, mean: Element, m2: Element }

fn begin(group: u32) -> Accumulator { return Accumulator(0.0, Element(0.0), Element(0.0)); }

fn visit(sums: ptr<function, Accumulator>, at: u32) {
  let value = x[at];
  let delta = value - (*sums).mean;
  (*sums).count += 1.0;
  (*sums).mean += delta * (1.0 / (*sums).count);
  (*sums).m2 += delta * (value - (*sums).mean);
}

fn collapse(sums: Accumulator) -> Partial {
  let mean = total(sums.mean) / f32(WIDTH);
  let delta = sums.mean - mean;
  return Partial(sums.count * f32(WIDTH), mean, total(sums.m2) + sums.count * total(delta * delta));
}
