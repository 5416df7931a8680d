// The gradient of x of a normalisation and of the activation behind it, in one pass. With g the gradient of the
// normalisation's result (through_activation):
//
// Through batch statistics (Ioffe & Szegedy 2015, section 3, simplified), means over the M elements of the group:
//   gx = weight/σ · (g - mean(g) - x̂ · mean(g·x̂)),  σ = √(variance + eps),  x̂ = (x - mean)/σ.
// Of a group of two values x̂ = ±√(variance)/σ, and most of that difference cancels. What is left of it is
//   gx = weight/σ · (g - mean(g)) · eps/(variance + eps).
// With statistics that do not depend on x: gx = weight/σ · g.
//
// Shapes: x, gy, gx (N, G, L); coefficients, sum = Σ g, dot = Σ g·x̂ (G). Work: group_walk.wgsl.
// Linked with Element, coefficients.wgsl, activation.wgsl.
// Constants: BATCH_STATISTICS, PAIRS (batch statistics of two values each). sum and dot may be any buffers without them.

@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read> gy: array<Element>;
@group(0) @binding(3) var<storage, read> coefficients: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> sum_in: array<f32>;
@group(0) @binding(5) var<storage, read> dot_in: array<f32>;
@group(0) @binding(6) var<storage, read_write> gx: array<Element>;

struct State { by: Coefficients, mean_gradient: f32, variance_factor: f32 }

fn begin(group: u32) -> State {
  let by = coefficients_of(coefficients[group]);
  var state = State(by, 0.0, 0.0);
  if (BATCH_STATISTICS) {
    state.mean_gradient = sum_in[group] * params.inv_count;
    state.variance_factor = dot_in[group] * params.inv_count * by.inv_std;
  }
  return state;
}

fn visit(state: ptr<function, State>, at: u32) {
  let by = (*state).by;
  let centred = x[at] - by.mean;
  let g = through_activation(centred * by.scale + by.shift, gy[at]);
  if (PAIRS) {
    gx[at] = (g - (*state).mean_gradient) * (by.scale * params.eps * by.inv_std * by.inv_std);
  } else if (BATCH_STATISTICS) {
    gx[at] = (g - (*state).mean_gradient - centred * (*state).variance_factor) * by.scale;
  } else {
    gx[at] = g * by.scale;
  }
}

fn finish(place: Place, state: State) {}
