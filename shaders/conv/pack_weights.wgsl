// Packs weights for texture_window.wgsl: [phase][⌈rows / 16⌉][⌈inner / 4⌉][tap_h][tap_w][16] texels of four inner channels,
// zero past the last row, inner channel or tap. A phase f takes the taps (f + pad) mod phases + i·phases; with FLIP the
// last i comes first. One invocation makes one texel.
// Constants: WORKGROUP, TEXTURE_WIDTH (texels to a row of the texture), FLIP.

struct Params {
  rows: u32, row_stride: u32, inner: u32, inner_stride: u32,
  kernel_h: u32, kernel_w: u32, taps_h: u32, taps_w: u32,
  phases_h: u32, phases_w: u32, pad_h: u32, pad_w: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var packed: texture_storage_2d<rgba32float, write>;

fn tap(i: u32, taps: u32, phase: u32, phases: u32, pad: u32) -> u32 {
  return (phase + pad) % phases + select(i, taps - 1u - i, FLIP) * phases;
}

fn value_at(row: u32, inner: u32, r: u32, s: u32) -> f32 {
  let inside = row < params.rows && inner < params.inner && r < params.kernel_h && s < params.kernel_w;
  let at = row * params.row_stride + inner * params.inner_stride + r * params.kernel_w + s;
  return select(0.0, weight[select(0u, at, inside)], inside);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let row_blocks = (params.rows + 15u) / 16u;
  let blocks = (params.inner + 3u) / 4u;
  let per_phase = row_blocks * blocks * params.taps_h * params.taps_w * 16u;
  for (var i = id.x; i < params.phases_h * params.phases_w * per_phase; i += groups.x * WORKGROUP) {
    let phase = i / per_phase;
    let at = i % per_phase / 16u;
    let tap_w = at % params.taps_w;
    let tap_h = at / params.taps_w % params.taps_h;
    let block = at / (params.taps_w * params.taps_h);
    let row = block / blocks * 16u + i % 16u;
    let inner = block % blocks * 4u;
    let r = tap(tap_h, params.taps_h, phase / params.phases_w, params.phases_h, params.pad_h);
    let s = tap(tap_w, params.taps_w, phase % params.phases_w, params.phases_w, params.pad_w);
    let value = vec4(
      value_at(row, inner, r, s),
      value_at(row, inner + 1u, r, s),
      value_at(row, inner + 2u, r, s),
      value_at(row, inner + 3u, r, s),
    );
    textureStore(packed, vec2(i & (TEXTURE_WIDTH - 1u), i / TEXTURE_WIDTH), value);
  }
}
