// An operand [N, C, H, W] of a Winograd convolution, tile by tile, at the points where it is multiplied: P D Pᵀ for
// each tile D, for the matrix P of its role (roles.wgsl). With a stride the planes of its phases, every STRIDE-th row and column,
// are operands of their own.
//
// packed: a matrix for each point as texel_product.wgsl reads it: texels of four channels (of a phase) at a tile, zero past
// the last channel and from the last tile to `length`. Tiles are numbered (image, row, column).
// Work: an invocation has one tile of four channels, in all phases, since they share lines of memory. Grid: x tiles, y blocks
// of four channels.
// Constants: WORKGROUP, TEXTURE_WIDTH, PANEL, ROLE, STRIDE.

struct Params {
  images: u32, channels: u32, h: u32, w: u32,
  tiles_h: u32, tiles_w: u32,
  pad_h: u32, pad_w: u32,
  length: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var packed: texture_storage_2d<rgba32float, write>;

fn load(inside: bool, at: u32) -> f32 { return select(0.0, x[select(0u, at, inside)], inside); }

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let tile = id.x;
  if (tile >= params.length) { return; }
  let blocks = (params.channels + 3u) / 4u;
  let tiles = params.tiles_h * params.tiles_w;
  let image = tile / tiles;
  let h_of_tile = (tile - image * tiles) / params.tiles_w * STEP * STRIDE - params.pad_h; // may wrap below zero
  let w_of_tile = tile % params.tiles_w * STEP * STRIDE - params.pad_w;
  let c = id.y * 4u;
  let plane = params.h * params.w;

  let quads = STRIDE * STRIDE * blocks;
  let step = quads * params.length;

  for (var phase = 0u; phase < STRIDE * STRIDE; phase++) {
    let h0 = h_of_tile + phase / STRIDE;
    let w0 = w_of_tile + phase % STRIDE;
    var points = array<vec4<f32>, TILE * TILE>();
    for (var i = 0u; i < POSITIONS; i++) {
      let h = h0 + i * STRIDE;
      let row_inside = image < params.images && h < params.h;
      let row = ((image * params.channels + c) * params.h + h) * params.w;
      var along = array<vec4<f32>, TILE>(); // the points of this row; without a value it would keep the last one
      for (var j = 0u; j < POSITIONS; j++) {
        let w = w0 + j * STRIDE;
        let inside = row_inside && w < params.w;
        let at = row + w;
        let value = vec4(
          load(inside, at),
          load(inside && c + 1u < params.channels, at + plane),
          load(inside && c + 2u < params.channels, at + 2u * plane),
          load(inside && c + 3u < params.channels, at + 3u * plane),
        );
        for (var b = 0u; b < TILE; b++) { along[b] += coefficient(b, j) * value; }
      }
      for (var a = 0u; a < TILE; a++) {
        let k = coefficient(a, i);
        for (var b = 0u; b < TILE; b++) { points[a * TILE + b] += k * along[b]; }
      }
    }

    var at = (tile / PANEL * quads + phase * blocks + id.y) * PANEL + tile % PANEL;
    for (var point = 0u; point < TILE * TILE; point++) {
      textureStore(packed, vec2(at & (TEXTURE_WIDTH - 1u), at / TEXTURE_WIDTH), points[point]);
      at += step;
    }
  }
}
