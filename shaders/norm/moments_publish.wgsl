// Turns a group's moments into its coefficients and updates the running statistics with them.
fn publish(group: u32, split: u32, result: Partial) {
  publish_coefficients(group, result.mean, result.m2 / result.count);
  update_running(group, result.mean, result.m2 / (result.count - 1.0));
}
