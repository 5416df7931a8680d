// Packs x [N, C, H, W] into a texture of four channels to a texel, [N][⌈C / 4⌉][plane_h][plane_w], with x at (top, left)
// of each plane and zeros around it and past the last channel.
//
// Work: an invocation has one position of the plane and walks over `part` slices (image, four channels), so that the
// divisions are done once. Grid: x positions, y parts.
// Constants: WORKGROUP, TEXTURE_WIDTH (texels to a row of the texture).

struct Params {
  slices: u32, part: u32, channels: u32, h: u32, w: u32,
  plane_h: u32, plane_w: u32, top: u32, left: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var packed: texture_storage_2d<rgba32float, write>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let plane = params.plane_h * params.plane_w;
  if (id.x >= plane) { return; }
  let row = id.x / params.plane_w;
  let h = row - params.top; // what lies before the origin wraps to large numbers
  let w = id.x - row * params.plane_w - params.left;
  let inside = h < params.h && w < params.w;
  let size = params.h * params.w;

  let blocks = (params.channels + 3u) / 4u;
  let begin = id.y * params.part;
  let end = min(begin + params.part, params.slices);
  var c = begin % blocks * 4u;
  var at = (begin / blocks * params.channels + c) * size + h * params.w + w;
  for (var slice = begin; slice < end; slice++) {
    let left = params.channels - c; // channels of this image from here on
    var value = vec4<f32>();
    if (inside) {
      value.x = x[at];
      if (left > 1u) { value.y = x[at + size]; }
      if (left > 2u) { value.z = x[at + 2u * size]; }
      if (left > 3u) { value.w = x[at + 3u * size]; }
    }
    let i = slice * plane + id.x;
    textureStore(packed, vec2(i & (TEXTURE_WIDTH - 1u), i / TEXTURE_WIDTH), value);
    at += min(left, 4u) * size;
    c = select(c + 4u, 0u, left <= 4u);
  }
}
