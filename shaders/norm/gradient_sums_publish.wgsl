// Writes Σ g and Σ g·x̂ of a group, (G) each.
@group(0) @binding(PUBLISH) var<storage, read_write> sum_out: array<f32>;
@group(0) @binding(PUBLISH + 1u) var<storage, read_write> dot_out: array<f32>;

fn publish(group: u32, split: u32, result: Partial) {
  sum_out[group] = result.sum;
  dot_out[group] = result.dot;
}
