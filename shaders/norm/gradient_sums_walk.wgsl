// The sums of gradient_sums.wgsl over the units that one invocation visits. x̂ = (x - mean) · inv_std is computed again
// from x, which is kept anyway, instead of being stored by the forward pass.
// Linked with coefficients.wgsl, activation.wgsl.
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read> gy: array<Element>;
@group(0) @binding(3) var<storage, read> coefficients: array<vec4<f32>>;

struct State { by: Coefficients, sum: Element, dot: Element }

fn begin(group: u32) -> State {
  return State(coefficients_of(coefficients[group]), Element(0.0), Element(0.0));
}

fn visit(state: ptr<function, State>, at: u32) {
  let by = (*state).by;
  let centred = x[at] - by.mean;
  let g = through_activation(centred * by.scale + by.shift, gy[at]);
  (*state).sum += g;
  (*state).dot += g * centred;
}

fn collapse(state: State) -> Partial {
  return Partial(total(state.sum), total(state.dot) * state.by.inv_std);
}
