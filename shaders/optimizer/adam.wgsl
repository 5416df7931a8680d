// Adam: Kingma and Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1, and AdamW: Loshchilov and
// Hutter, "Decoupled weight decay regularization" (2019), algorithm 2. With c1 = 1 - beta1^t and c2 = 1 - beta2^t:
//   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g²
//   PyTorch:  values -= lr / c1 · m / (√v / √c2 + eps)
//   Chainer:  values -= lr √c2 / c1 · m / (√v + eps), the form at the end of the paper's section 2
// The averages are moved by (1 - beta)(new - old), so their weights sum to one whatever the rounding of beta.
// Constants: DECOUPLED (AdamW's decay), CHAINER (its placement of eps).

@group(0) @binding(5) var<storage, read_write> exp_avg: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> exp_avg_sq: array<vec4<f32>>;

fn update(i: u32, state: StepState) {
  var value = values[i];
  var g = gradients[i];
  if (DECOUPLED) {
    value -= state.lr * params.weight_decay * value;
  } else {
    g += params.weight_decay * value;
  }
  let m = exp_avg[i] + params.one_minus_beta1 * (g - exp_avg[i]);
  let v = exp_avg_sq[i] + params.one_minus_beta2 * (g * g - exp_avg_sq[i]);
  exp_avg[i] = m;
  exp_avg_sq[i] = v;
  let root = sqrt(state.bias_correction2);
  var denominator = sqrt(v) / root + params.eps;
  if (CHAINER) { denominator = (sqrt(v) + params.eps) / root; }
  values[i] = value - state.lr / state.bias_correction1 * (m / denominator);
}
