// Where group_walk.wgsl leaves its results when a group is split: partials (splits, G), finished by group_finish.wgsl.
@group(0) @binding(PUBLISH) var<storage, read_write> partials: array<vec4<f32>>;

fn publish(group: u32, split: u32, result: Partial) {
  partials[split * params.groups + group] = pack(result);
}
