// Philox 4x32-10: four random words from a 128-bit counter and a 64-bit key, with no state in between.
// Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011); constants as in Random123.

struct GeneratorState { key: vec2<u32>, counter: vec4<u32> } // lowest word first

const PHILOX_MULTIPLIERS = vec2<u32>(0xd2511f53u, 0xcd9e8d57u);
const PHILOX_KEY_STEPS = vec2<u32>(0x9e3779b9u, 0xbb67ae85u);

// High words of the 64-bit products a·b, by 16-bit halves that never pass 2^32.
fn multiply_high(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let a_low = a & vec2(0xffffu);
  let a_high = a >> vec2(16u);
  let b_low = b & vec2(0xffffu);
  let b_high = b >> vec2(16u);
  let middle = a_high * b_low + ((a_low * b_low) >> vec2(16u));
  let low = (middle & vec2(0xffffu)) + a_low * b_high;
  return a_high * b_high + (middle >> vec2(16u)) + (low >> vec2(16u));
}

fn philox(start: vec4<u32>, seed: vec2<u32>) -> vec4<u32> {
  var counter = start;
  var key = seed;
  for (var round = 0u; round < 10u; round++) {
    let high = multiply_high(PHILOX_MULTIPLIERS, counter.xz);
    let low = PHILOX_MULTIPLIERS * counter.xz;
    counter = vec4(high.y ^ counter.y ^ key.x, low.y, high.x ^ counter.w ^ key.y, low.x);
    key += PHILOX_KEY_STEPS;
  }
  return counter;
}

// counter + blocks, with the carries of a 128-bit addition.
fn advanced(counter: vec4<u32>, blocks: u32) -> vec4<u32> {
  var result = counter;
  var carry = blocks;
  for (var word = 0u; word < 4u; word++) {
    result[word] += carry;
    carry = select(0u, 1u, result[word] < carry);
  }
  return result;
}
