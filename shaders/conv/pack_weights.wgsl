// Packs weights for texture_window.wgsl: [phase][⌈rows / held⌉][⌈inner / 4⌉][tap_h][tap_w][held] texels of four inner
// channels, zero past the last row, inner channel or tap. A phase f takes the taps (f + pad) mod phases + i·phases; with
// FLIP the last i comes first.
//
// Work: an invocation has one row and tap and walks over the inner channels, so that the divisions are done once.
// Constants: WORKGROUP, TEXTURE_WIDTH (texels to a row of the texture), FLIP.

struct Params {
  rows: u32, row_stride: u32, inner: u32, inner_stride: u32,
  kernel_h: u32, kernel_w: u32, taps_h: u32, taps_w: u32,
  phases_h: u32, phases_w: u32, pad_h: u32, pad_w: u32,
  held: u32, // rows that an invocation of the product holds
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var packed: texture_storage_2d<rgba32float, write>;

fn tap(i: u32, taps: u32, phase: u32, phases: u32, pad: u32) -> u32 {
  return (phase + pad) % phases + select(i, taps - 1u - i, FLIP) * phases;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row_blocks = (params.rows + params.held - 1u) / params.held;
  let slots = params.taps_h * params.taps_w * params.held;
  let slot = id.x % slots;
  let row_block = id.x / slots % row_blocks;
  let phase = id.x / slots / row_blocks;
  if (phase >= params.phases_h * params.phases_w) { return; }

  let row = row_block * params.held + slot % params.held;
  let tap_h = slot / params.held / params.taps_w;
  let tap_w = slot / params.held % params.taps_w;
  let r = tap(tap_h, params.taps_h, phase / params.phases_w, params.phases_h, params.pad_h);
  let s = tap(tap_w, params.taps_w, phase % params.phases_w, params.phases_w, params.pad_w);
  let inside = row < params.rows && r < params.kernel_h && s < params.kernel_w;

  let stride = params.inner_stride;
  var at = row * params.row_stride + r * params.kernel_w + s;
  var i = (id.x / slots) * ((params.inner + 3u) / 4u) * slots + slot;
  for (var inner = 0u; inner < params.inner; inner += 4u) {
    var value = vec4<f32>();
    if (inside) {
      value.x = weight[at];
      if (inner + 1u < params.inner) { value.y = weight[at + stride]; }
      if (inner + 2u < params.inner) { value.z = weight[at + 2u * stride]; }
      if (inner + 3u < params.inner) { value.w = weight[at + 3u * stride]; }
    }
    textureStore(packed, vec2(i & (TEXTURE_WIDTH - 1u), i / TEXTURE_WIDTH), value);
    at += 4u * stride;
    i += slots;
  }
}
