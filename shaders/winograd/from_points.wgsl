// The way back from to_points.wgsl, transposed: [N, C, H, W] from its values at the points, Pᵀ M P for each tile M and the
// matrix P of its role, added up where tiles overlap. So it gives the output of a Winograd convolution, and the gradients in
// its input and in its weight.
//
// packed: a matrix for each point, as in to_points.wgsl. y: [N, C, H, W], with `bias` added to each channel.
// Work: an invocation has four channels of STEP×STEP positions, in all phases, since they share lines of memory; it gathers them from the tiles that reach
// them: its own and, when tiles overlap, the neighbours before and after. Positions before the first row and column of x
// are left out, so blocks begin at `first_*` of their tile. Grid: x blocks of positions, y blocks of four channels.
// Constants: WORKGROUP, TEXTURE_WIDTH, PANEL, ROLE, STRIDE, HAS_BIAS.

struct Params {
  images: u32, channels: u32, h: u32, w: u32,
  tiles_h: u32, tiles_w: u32,
  pad_h: u32, pad_w: u32,
  length: u32,
  blocks_h: u32, blocks_w: u32, // of STEP positions, enough for all of x in every phase
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var packed: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// With two taps only the last point reaches a tile's last position, and only the first its first.
const BEFORE_FROM = select(0u, TILE - 1u, TAPS == 2u);
const AFTER_TO = select(TILE, 1u, TAPS == 2u);

struct Place { quad: u32, quads: u32, image: u32, tile_h: u32, tile_w: u32 }

fn texel(place: Place, point: u32, tile_h: u32, tile_w: u32) -> vec4<f32> {
  let inside = tile_h < params.tiles_h && tile_w < params.tiles_w;
  let tile = (place.image * params.tiles_h + tile_h) * params.tiles_w + tile_w;
  let panel = point * (params.length / PANEL) + tile / PANEL;
  let at = select(0u, (panel * place.quads + place.quad) * PANEL + tile % PANEL, inside);
  return select(vec4<f32>(), textureLoad(packed, vec2(at & (TEXTURE_WIDTH - 1u), at / TEXTURE_WIDTH)), inside);
}

// Point b along columns, for all positions along rows, of the tiles in column `tile_w`.
fn along_rows(place: Place, tile_w: u32, b: u32) -> array<vec4<f32>, POSITIONS> {
  var sums = array<vec4<f32>, POSITIONS>(); // without a value it would keep the last one
  for (var a = 0u; a < TILE; a++) {
    let value = texel(place, a * TILE + b, place.tile_h, tile_w);
    for (var i = 0u; i < POSITIONS; i++) { sums[i] += coefficient(a, i) * value; }
  }
  if (OVERLAP == 0u) { return sums; }
  for (var a = BEFORE_FROM; a < TILE; a++) {
    let before = texel(place, a * TILE + b, place.tile_h - 1u, tile_w);
    for (var i = 0u; i < OVERLAP; i++) { sums[i] += coefficient(a, i + STEP) * before; }
  }
  for (var a = 0u; a < AFTER_TO; a++) {
    let after = texel(place, a * TILE + b, place.tile_h + 1u, tile_w);
    for (var i = 0u; i < OVERLAP; i++) { sums[i + STEP] += coefficient(a, i) * after; }
  }
  return sums;
}

// The first position of a tile that is inside x, of phase f.
fn first_of(f: u32, pad: u32) -> u32 {
  if (OVERLAP == 0u || pad <= f) { return 0u; }
  return (pad - f + STRIDE - 1u) / STRIDE;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let per_image = params.blocks_h * params.blocks_w;
  let image = id.x / per_image;
  if (image >= params.images) { return; }
  let blocks = (params.channels + 3u) / 4u;
  let block_h = (id.x - image * per_image) / params.blocks_w;
  let block_w = id.x % params.blocks_w;
  let plane = params.h * params.w;
  let c = id.y * 4u;
  var shift = vec4<f32>();
  if (HAS_BIAS) {
    for (var k = 0u; k < 4u; k++) { shift[k] = bias[min(c + k, params.channels - 1u)]; }
  }

  for (var phase = 0u; phase < STRIDE * STRIDE; phase++) {
    let place = Place(phase * blocks + id.y, STRIDE * STRIDE * blocks, image, block_h, block_w);
    var values = array<vec4<f32>, POSITIONS * POSITIONS>();
    for (var b = 0u; b < TILE; b++) {
      let own = along_rows(place, block_w, b);
      for (var i = 0u; i < POSITIONS; i++) {
        for (var j = 0u; j < POSITIONS; j++) { values[i * POSITIONS + j] += coefficient(b, j) * own[i]; }
      }
      if (OVERLAP > 0u && b >= BEFORE_FROM) {
        let before = along_rows(place, block_w - 1u, b);
        for (var i = 0u; i < POSITIONS; i++) {
          for (var j = 0u; j < OVERLAP; j++) { values[i * POSITIONS + j] += coefficient(b, j + STEP) * before[i]; }
        }
      }
      if (OVERLAP > 0u && b < AFTER_TO) {
        let after = along_rows(place, block_w + 1u, b);
        for (var i = 0u; i < POSITIONS; i++) {
          for (var j = 0u; j < OVERLAP; j++) { values[i * POSITIONS + j + STEP] += coefficient(b, j) * after[i]; }
        }
      }
    }

    let first = vec2(first_of(phase / STRIDE, params.pad_h), first_of(phase % STRIDE, params.pad_w));
    let h0 = (block_h * STEP + first.x) * STRIDE + phase / STRIDE - params.pad_h;
    let w0 = (block_w * STEP + first.y) * STRIDE + phase % STRIDE - params.pad_w;
    for (var i = 0u; i < STEP; i++) {
      let h = h0 + i * STRIDE;
      for (var j = 0u; j < STEP; j++) {
        let w = w0 + j * STRIDE;
        var value = values[i * POSITIONS + j];
        for (var o = 1u; o <= OVERLAP; o++) {
          for (var q = 0u; q <= OVERLAP; q++) { value = select(value, values[(i + o) * POSITIONS + j + q], all(first == vec2(o, q))); }
        }
        for (var q = 1u; q <= OVERLAP; q++) { value = select(value, values[i * POSITIONS + j + q], all(first == vec2(0u, q))); }
        value += shift;
        if (h < params.h && w < params.w) {
          let at = ((image * params.channels + c) * params.h + h) * params.w + w;
          y[at] = value.x;
          if (c + 1u < params.channels) { y[at + plane] = value.y; }
          if (c + 2u < params.channels) { y[at + 2u * plane] = value.z; }
          if (c + 3u < params.channels) { y[at + 3u * plane] = value.w; }
        }
      }
    }
  }
}
