// Running statistics, (G) each, moved in place towards the batch's mean and unbiased variance: PyTorch's convention,
// in which momentum is the weight of the new value. `batches` counts how often.
@group(0) @binding(PUBLISH + 3u) var<storage, read_write> running_mean: array<f32>;
@group(0) @binding(PUBLISH + 4u) var<storage, read_write> running_var: array<f32>;
@group(0) @binding(PUBLISH + 5u) var<storage, read_write> batches: array<i32>;

fn update_running(group: u32, mean: f32, unbiased: f32) {
  running_mean[group] = (1.0 - params.momentum) * running_mean[group] + params.momentum * mean;
  running_var[group] = (1.0 - params.momentum) * running_var[group] + params.momentum * unbiased;
  if (group == 0u) { batches[0] += 1; }
}
