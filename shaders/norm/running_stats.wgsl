// Running statistics, (channels) each, moved in place towards the batch's mean and unbiased variance: PyTorch's convention,
// in which momentum is the weight of the new value. `batches` counts how often.
@group(0) @binding(PUBLISH + 3u) var<storage, read_write> running_mean: array<f32>;
@group(0) @binding(PUBLISH + 4u) var<storage, read_write> running_var: array<f32>;
@group(0) @binding(PUBLISH + 5u) var<storage, read_write> batches: array<i32>;

fn update_running(group: u32, mean: f32, unbiased: f32) {
  let channel = group % params.channels;
  running_mean[channel] = (1.0 - params.momentum) * running_mean[channel] + params.momentum * mean;
  running_var[channel] = (1.0 - params.momentum) * running_var[channel] + params.momentum * unbiased;
  if (channel == 0u) { batches[0] += 1; }
}
