// The transform of an operand [N, C, H, W] of a Winograd convolution: P D Pᵀ for each tile D, for the matrix P of its role
// (roles.wgsl). The entries of the result are called points: each row of P evaluates a polynomial at one. With a stride the planes of its phases, every STRIDE-th row and column,
// are operands of their own.
//
// packed: a matrix for each point, as texel_product.wgsl reads it, once it is copied into a texture (a store into one takes
// twice the instructions of a store into a buffer): texels of four channels (of a phase) at a tile, zero past
// the last channel and from the last tile to `length`. Tiles are numbered (image, row, column).
// Work: an invocation has one tile of four channels, in all phases, since they share lines of memory. Grid: x tiles, y blocks
// of four channels. The operand is read from a plain copy in a texture, four neighbours at once: for a software adapter that and
// the copy cost less than reading the buffer (0.86 to 0.95 of the time, lavapipe 25.0; the rest is stores).
// Constants: WORKGROUP, TEXTURE_WIDTH, PANEL, ROLE, STRIDE, TEXELS (that hold a line of a tile, wherever it may begin).

struct Params {
  images: u32, channels: u32, h: u32, w: u32,
  tiles_h: u32, tiles_w: u32,
  pad_h: u32, pad_w: u32,
  length: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>; // its values in order, four to a texel
@group(0) @binding(2) var<storage, read_write> packed: array<vec4<f32>>;

const VALUES = 4u * TEXELS;

// A line of a tile: every STRIDE-th value from `at` on. It may begin before the first value, and `at` wrap below zero.
fn line(at: u32) -> array<f32, POSITIONS> {
  var values: array<f32, VALUES>;
  for (var t = 0u; t < TEXELS; t++) {
    let index = (at / 4u + t) & 0x3fffffffu;
    let texel = textureLoad(x, vec2(index & (TEXTURE_WIDTH - 1u), index / TEXTURE_WIDTH));
    for (var k = 0u; k < 4u; k++) { values[4u * t + k] = texel[k]; }
  }
  // It begins at any of its first texel's values. Selected twice by a bit: an index would not stay in registers.
  let odd = (at & 1u) != 0u;
  let late = (at & 2u) != 0u;
  var chosen: array<f32, POSITIONS>;
  for (var j = 0u; j < POSITIONS; j++) {
    let k = j * STRIDE;
    let early = select(values[k], values[min(k + 1u, VALUES - 1u)], odd);
    chosen[j] = select(early, select(values[min(k + 2u, VALUES - 1u)], values[min(k + 3u, VALUES - 1u)], odd), late);
  }
  return chosen;
}

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
  let channels = vec4(c) + vec4(0u, 1u, 2u, 3u) < vec4(params.channels);

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
      let at = row + w0;
      let lines = array(line(at), line(at + plane), line(at + 2u * plane), line(at + 3u * plane));
      for (var j = 0u; j < POSITIONS; j++) {
        let w = w0 + j * STRIDE;
        let inside = row_inside && w < params.w;
        let value = select(vec4<f32>(), vec4(lines[0][j], lines[1][j], lines[2][j], lines[3][j]), channels & vec4(inside));
        for (var b = 0u; b < TILE; b++) { along[b] += coefficient(b, j) * value; }
      }
      for (var a = 0u; a < TILE; a++) {
        let k = coefficient(a, i);
        for (var b = 0u; b < TILE; b++) { points[a * TILE + b] += k * along[b]; }
      }
    }

    var at = (tile / PANEL * quads + phase * blocks + id.y) * PANEL + tile % PANEL;
    for (var point = 0u; point < TILE * TILE; point++) {
      packed[at] = points[point];
      at += step;
    }
  }
}
