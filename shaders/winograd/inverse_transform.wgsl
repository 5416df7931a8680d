// The inverse of transform.wgsl, its transpose: [N, C, H, W] from transformed values, Pᵀ M P for each tile M and the matrix P
// of its role, added up where tiles overlap. So it gives the output of a Winograd convolution, and the gradients in its input
// and in its weight.
//
// packed: a matrix for each entry of a transformed tile (its points), as in transform.wgsl. y: [N, C, H, W], with `bias` added to each channel.
// Work: an invocation has four channels of STEP×STEP positions, in all phases; it gathers them from the
// tiles that reach them: its own and, when tiles overlap, the neighbours before and after. Positions before the first row
// and column of x are left out, so blocks begin at `first` of their tile. The phases of a row lie between each other in y:
// together they are a run of STEP·STRIDE neighbours, which put_*.wgsl stores four or two at once where the run and the rows
// allow it (about 0.87 of the time of single stores, by profiles of a 64×64 step before and after, lavapipe 25.0).
// Grid: x blocks of positions, y blocks of four channels. Linked with put_vec4, put_vec2 or put_f32.wgsl.
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

const RUN = STEP * STRIDE;
alias Values = array<vec4<f32>, STEP * STEP>;

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

// The STEP×STEP positions whose rows and columns have the remainders `slot` modulo STRIDE.
fn values_of(slot: vec2<u32>, quad: u32, quads: u32, image: u32, block: vec2<u32>) -> Values {
  let reach = slot + vec2(params.pad_h, params.pad_w);
  let phase = reach % STRIDE;
  let first = reach / STRIDE; // of a tile's positions that is inside x
  let place = Place((phase.x * STRIDE + phase.y) * quads + quad, STRIDE * STRIDE * quads, image, block.x, block.y);
  var sums = array<vec4<f32>, POSITIONS * POSITIONS>();
  for (var b = 0u; b < TILE; b++) {
    let own = along_rows(place, block.y, b);
    for (var i = 0u; i < POSITIONS; i++) {
      for (var j = 0u; j < POSITIONS; j++) { sums[i * POSITIONS + j] += coefficient(b, j) * own[i]; }
    }
    if (OVERLAP > 0u && b >= BEFORE_FROM) {
      let before = along_rows(place, block.y - 1u, b);
      for (var i = 0u; i < POSITIONS; i++) {
        for (var j = 0u; j < OVERLAP; j++) { sums[i * POSITIONS + j] += coefficient(b, j + STEP) * before[i]; }
      }
    }
    if (OVERLAP > 0u && b < AFTER_TO) {
      let after = along_rows(place, block.y + 1u, b);
      for (var i = 0u; i < POSITIONS; i++) {
        for (var j = 0u; j < OVERLAP; j++) { sums[i * POSITIONS + j + STEP] += coefficient(b, j) * after[i]; }
      }
    }
  }
  var values = Values();
  for (var i = 0u; i < STEP; i++) {
    for (var j = 0u; j < STEP; j++) {
      var value = sums[i * POSITIONS + j];
      for (var o = 0u; o <= OVERLAP; o++) {
        for (var q = 0u; q <= OVERLAP; q++) {
          if (o + q > 0u) { value = select(value, sums[(i + o) * POSITIONS + j + q], all(first == vec2(o, q))); }
        }
      }
      values[i * STEP + j] = value;
    }
  }
  return values;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let per_image = params.blocks_h * params.blocks_w;
  let image = id.x / per_image;
  if (image >= params.images) { return; }
  let quads = (params.channels + 3u) / 4u;
  let block = vec2((id.x - image * per_image) / params.blocks_w, id.x % params.blocks_w);
  let c = id.y * 4u;
  let w = block.y * RUN;
  var shift = vec4<f32>();
  if (HAS_BIAS) {
    for (var k = 0u; k < 4u; k++) { shift[k] = bias[min(c + k, params.channels - 1u)]; }
  }

  for (var slot = 0u; slot < STRIDE; slot++) {
    var values: array<Values, STRIDE>;
    values[0] = values_of(vec2(slot, 0u), id.y, quads, image, block);
    if (STRIDE > 1u) { values[STRIDE - 1u] = values_of(vec2(slot, STRIDE - 1u), id.y, quads, image, block); }
    // Rare: a loop's index does not keep values in registers.
    for (var s = 1u; s + 1u < STRIDE; s++) { values[s] = values_of(vec2(slot, s), id.y, quads, image, block); }
    // Channel by channel: stores for all four at once would be most of the kernel's code.
    for (var k = 0u; k < min(params.channels - c, 4u); k++) {
      for (var i = 0u; i < STEP; i++) {
        let h = (block.x * STEP + i) * STRIDE + slot;
        var run = array<f32, RUN>();
        for (var j = 0u; j < RUN; j++) { run[j] = values[j % STRIDE][i * STEP + j / STRIDE][k] + shift[k]; }
        if (h < params.h) { put(((image * params.channels + c + k) * params.h + h) * params.w, w, params.w, run); }
      }
    }
  }
}
