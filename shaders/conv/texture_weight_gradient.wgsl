// Problem for core_texture: the gradient of a convolution in its weight,
// gw[k, c, r, s] = Σ_{n, p, q} gy[n, k, p, q] x[n, c, p·stride - pad + r, …], on packed operands.
//
// A: gy by pack_channels.wgsl, [image][⌈K / 4⌉][gy_h][gy_w] texels of four rows; gy_w is a multiple of 4, the rest zero.
// B: x by pack_channels.wgsl, [image][⌈C / 4⌉][x_h][x_w] texels of four columns, for each tap at its own offset. The inner
// axis is (n, p, q), four q at once, cut by images into `splits` parts; z is the part. The partial results
// [splits, K, C, R, S] are summed in fixed order by the reduction kernel.

struct Params {
  images: u32, rows: u32, splits: u32,
  channels: u32, taps_h: u32, taps_w: u32,
  gy_h: u32, gy_w: u32,
  x_h: u32, x_w: u32,
  stride_h: u32, stride_w: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var a_texture: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var b_texture: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> gw: array<f32>;

struct Output { inside: bool, index: u32 }

fn walk_of(z: u32) -> Walk {
  let part = (params.images + params.splits - 1u) / params.splits;
  let begin = min(z * part, params.images);
  let gy_image = ((params.rows + 3u) / 4u) * params.gy_h * params.gy_w;
  let x_image = ((params.channels + 3u) / 4u) * params.x_h * params.x_w;
  return nested(
    begin * vec2(gy_image, x_image),
    vec3(min(part, params.images - begin), params.gy_h, params.gy_w / 4u),
    vec2(gy_image, x_image),
    vec2(params.gy_w, params.stride_h * params.x_w),
    vec2(4u, 4u * params.stride_w),
  );
}

// Slot 4·v + t: rows 4·v to 4·v + 3 at the t-th of four positions. Rows past the end read what is never stored.
fn a_base(z: u32, row_block: u32, slot: u32) -> u32 {
  return min(row_block * (ROWS / 4u) + slot / 4u, (params.rows - 1u) / 4u) * params.gy_h * params.gy_w + slot % 4u;
}

// The texel (c / 4, r, s) of weights that four columns of an invocation are.
fn quad_of(block: u32, local: u32, j: u32) -> vec3<u32> {
  let quad = (block * 2u + j / 4u) * WORKGROUP + local;
  let taps = params.taps_h * params.taps_w;
  return vec3(quad / taps, quad % taps / params.taps_w, quad % params.taps_w);
}

fn column_at(z: u32, block: u32, local: u32, j: u32) -> u32 {
  let quad = quad_of(block, local, j);
  let plane = min(quad.x, (params.channels - 1u) / 4u);
  return (plane * params.x_h + quad.y) * params.x_w + quad.z + (j % 4u) * params.stride_w;
}

fn output_at(z: u32, block: u32, local: u32, j: u32) -> Output {
  let quad = quad_of(block, local, j);
  let c = quad.x * 4u + j % 4u;
  let index = ((z * params.rows * params.channels + c) * params.taps_h + quad.y) * params.taps_w + quad.z;
  return Output(c < params.channels, index);
}

fn store(index: u32, row: u32, value: f32) {
  gw[index + row * params.channels * params.taps_h * params.taps_w] = value;
}
