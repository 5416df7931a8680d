// Problem for core_texture: y[n, k, p, q] = bias[k] + Σ_{c, r, s} w[k, c, r, s] x[n, c, p·stride - pad + r, …] on packed
// operands, and the gradient of a convolution in its input, which is stride² such sums (see input_gradient.wgsl): each
// phase is a dense stride-1 convolution of gy with every stride-th tap, taken backwards.
//
// A: the weights by pack_weights.wgsl, [phase][⌈rows / ROWS⌉][block][tap_h][tap_w][ROWS] texels of four inner channels.
// B: the source by pack_channels.wgsl, [image][block][plane_h][plane_w] texels of four channels. Columns are output
// positions (image, h, w) of a phase, z is the phase, the inner axis is (block, tap_h, tap_w).

struct Params {
  images: u32, rows: u32, blocks: u32,
  taps_h: u32, taps_w: u32,
  plane_h: u32, plane_w: u32,
  stride_h: u32, stride_w: u32, // source positions between neighbouring outputs of a phase
  phases_h: u32, phases_w: u32,
  pad_h: u32, pad_w: u32, // phase f starts at (f + pad) / phases of the source
  out_h: u32, out_w: u32,
  has_bias: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var a_texture: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var b_texture: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

struct Output { inside: bool, index: u32 }
struct Position { inside: bool, image: u32, h: u32, w: u32 }

fn plane() -> u32 { return params.plane_h * params.plane_w; }
fn steps() -> u32 { return params.blocks * params.taps_h * params.taps_w; }
fn phase_of(z: u32) -> vec2<u32> { return vec2(z / params.phases_w, z % params.phases_w); }

fn walk_of(z: u32) -> Walk {
  let taps = params.taps_h * params.taps_w;
  return nested(
    vec2(0u),
    vec3(params.blocks, params.taps_h, params.taps_w),
    vec2(taps * ROWS, plane()),
    vec2(params.taps_w * ROWS, params.plane_w),
    vec2(ROWS, 1u),
  );
}

fn a_base(z: u32, row_block: u32, slot: u32) -> u32 {
  return (z * ((params.rows + ROWS - 1u) / ROWS) + row_block) * steps() * ROWS + slot % ROWS;
}

fn position_of(block: u32, local: u32, j: u32) -> Position {
  let column = (block * 8u + j) * WORKGROUP + local;
  let height = (params.out_h + params.phases_h - 1u) / params.phases_h;
  let width = (params.out_w + params.phases_w - 1u) / params.phases_w;
  let image = column / (height * width);
  let at = column - image * (height * width);
  let h = at / width;
  return Position(image < params.images, min(image, params.images - 1u), h, at - h * width);
}

fn column_at(z: u32, block: u32, local: u32, j: u32) -> u32 {
  let position = position_of(block, local, j);
  let phase = phase_of(z);
  let h = position.h * params.stride_h + (phase.x + params.pad_h) / params.phases_h;
  let w = position.w * params.stride_w + (phase.y + params.pad_w) / params.phases_w;
  return (position.image * params.blocks * params.plane_h + h) * params.plane_w + w;
}

fn output_at(z: u32, block: u32, local: u32, j: u32) -> Output {
  let position = position_of(block, local, j);
  let phase = phase_of(z);
  let h = position.h * params.phases_h + phase.x;
  let w = position.w * params.phases_w + phase.y;
  return Output(
    position.inside && h < params.out_h && w < params.out_w,
    (position.image * params.rows * params.out_h + h) * params.out_w + w,
  );
}

fn store(index: u32, row: u32, value: f32) {
  var result = value;
  if (params.has_bias != 0u) { result += bias[row]; }
  y[index + row * params.out_h * params.out_w] = result;
}
