// Packs x [N, C, H, W] into a texture of four channels to a texel, [N][⌈C / 4⌉][plane_h][plane_w], with x at (top, left)
// of each plane and zeros around it and past the last channel. One invocation makes one texel.
// Constants: WORKGROUP, TEXTURE_WIDTH (texels to a row of the texture).

struct Params {
  images: u32, channels: u32, h: u32, w: u32,
  plane_h: u32, plane_w: u32, top: u32, left: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var packed: texture_storage_2d<rgba32float, write>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let blocks = (params.channels + 3u) / 4u;
  let texels = params.images * blocks * params.plane_h * params.plane_w;
  for (var i = id.x; i < texels; i += groups.x * WORKGROUP) {
    let row = i / params.plane_w;
    let slice = row / params.plane_h;
    let w = i - row * params.plane_w - params.left;
    let h = row - slice * params.plane_h - params.top;
    let image = slice / blocks;
    let c = (slice - image * blocks) * 4u;
    var value = vec4<f32>();
    if (h < params.h && w < params.w) { // what lies before the origin wraps to large numbers
      let size = params.h * params.w;
      let at = (image * params.channels + c) * size + h * params.w + w;
      value.x = x[at];
      if (c + 1u < params.channels) { value.y = x[at + size]; }
      if (c + 2u < params.channels) { value.z = x[at + 2u * size]; }
      if (c + 3u < params.channels) { value.w = x[at + 3u * size]; }
    }
    textureStore(packed, vec2(i & (TEXTURE_WIDTH - 1u), i / TEXTURE_WIDTH), value);
  }
}
