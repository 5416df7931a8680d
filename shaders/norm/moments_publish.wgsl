// Writes a group's mean and biased variance, (G) each, and hands both moments to the running statistics.
@group(0) @binding(OUTPUTS) var<storage, read_write> mean: array<f32>;
@group(0) @binding(OUTPUTS + 1u) var<storage, read_write> variance: array<f32>;

fn publish(group: u32, split: u32, result: Partial) {
  mean[group] = result.mean;
  variance[group] = result.m2 / result.count;
  update_running(group, result.mean, result.m2 / (result.count - 1.0));
}
