// y = activation(weight · (x - mean) / √(variance + eps) + bias), in one pass (Ioffe & Szegedy 2015, algorithm 1).
//
// Shapes: x, y (N, G, L); coefficients (G). Work: group_walk.wgsl. Linked with Element, coefficients.wgsl, activation.wgsl.

@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read> coefficients: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<Element>;

alias State = Coefficients;

fn begin(group: u32) -> State { return coefficients_of(coefficients[group]); }

fn visit(state: ptr<function, State>, at: u32) {
  y[at] = activate((x[at] - (*state).mean) * (*state).scale + (*state).shift);
}

fn finish(place: Place, state: State) {}
