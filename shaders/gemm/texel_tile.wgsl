// The tile of C that an invocation holds, where both operands lie in textures of four values to a texel: ROWS rows × 8
// columns, updated four steps of k at once. For core_texture.wgsl and texel_product.wgsl, which say where texels lie.
// A_INNER and B_INNER: whether the four values of a texel lie along k, or along the rows of A and the columns of B.
// Constants: ROWS, A_INNER, B_INNER, TEXTURE_WIDTH (texels to a row of a texture, a power of two).

fn place(index: u32) -> vec2<u32> { return vec2(index & (TEXTURE_WIDTH - 1u), index / TEXTURE_WIDTH); }
fn a_texel(index: u32) -> vec4<f32> { return textureLoad(a_texture, place(index)); }
fn b_texel(index: u32) -> vec4<f32> { return textureLoad(b_texture, place(index)); }

struct Tile { low: array<vec4<f32>, ROWS>, high: array<vec4<f32>, ROWS> } // columns 0 to 3, and 4 to 7

// Four columns of B by four steps of k, so that `result * a` is what a row with the four values `a` adds to C.
fn columns_of(at: vec4<u32>) -> mat4x4<f32> {
  let m = mat4x4(b_texel(at.x), b_texel(at.y), b_texel(at.z), b_texel(at.w));
  if (B_INNER) { return transpose(m); }
  return m;
}

// Adds four rows of A, the texels `t0` to `t3`, times four steps of k.
fn update(c: ptr<function, Tile>, first: u32, t0: vec4<f32>, t1: vec4<f32>, t2: vec4<f32>, t3: vec4<f32>, low: mat4x4<f32>, high: mat4x4<f32>) {
  var rows = mat4x4(t0, t1, t2, t3);
  if (!A_INNER) { rows = transpose(rows); }
  for (var i = 0u; i < 4u; i++) {
    (*c).low[first + i] += low * rows[i];
    (*c).high[first + i] += high * rows[i];
  }
}
