// The weights of one output channel, loaded by eight lanes of a subgroup and known to all.

const WEIGHT_VECTORS = (TAPS + 7u) / 8u;

fn weights_of(k: u32, lane: u32) -> array<array<array<f32, KERNEL_S>, KERNEL_R>, CHANNELS> {
  var flat: array<array<f32, 8>, WEIGHT_VECTORS>;
  for (var v = 0u; v < WEIGHT_VECTORS; v++) {
    flat[v] = share(weight[min(k * TAPS + v * 8u + lane, params.k * TAPS - 1u)]);
  }
  var weights: array<array<array<f32, KERNEL_S>, KERNEL_R>, CHANNELS>;
  for (var c = 0u; c < CHANNELS; c++) {
    for (var r = 0u; r < KERNEL_R; r++) {
      for (var s = 0u; s < KERNEL_S; s++) {
        let tap = (c * KERNEL_R + r) * KERNEL_S + s;
        weights[c][r][s] = flat[tap / 8u][tap % 8u];
      }
    }
  }
  return weights;
}
