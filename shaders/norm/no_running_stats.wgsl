// Stands in for running_stats.wgsl where none are kept.
fn update_running(group: u32, mean: f32, unbiased: f32) {}
