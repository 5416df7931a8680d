// The moments of the units that one invocation visits, by Welford's recurrence (Technometrics 4, 1962); the four
// components of a vec4 Element are four independent series, joined at the end.
@group(0) @binding(1) var<storage, read> x: array<Element>;

struct State { count: f32, mean: Element, m2: Element }

fn begin(group: u32) -> State { return State(0.0, Element(0.0), Element(0.0)); }

fn visit(state: ptr<function, State>, at: u32) {
  let value = x[at];
  let delta = value - (*state).mean;
  (*state).count += 1.0;
  (*state).mean += delta * (1.0 / (*state).count);
  (*state).m2 += delta * (value - (*state).mean);
}

fn collapse(state: State) -> Partial {
  let mean = total(state.mean) / f32(WIDTH);
  let delta = state.mean - mean;
  return Partial(state.count * f32(WIDTH), mean, total(state.m2) + state.count * total(delta * delta));
}
