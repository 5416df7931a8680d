// Random numbers into `values`: element i comes from word i % 4 of Philox block `counter + i / 4`, so the numbers do
// not depend on shapes or on how many workgroups run. The counter is read here and moved on by advance.wgsl.
//
// KIND 0: the bits. KIND 1: uniform in [a, a + b), from 24 bits, kept to at most c, the largest float below the bound
// (a + b·u may round up to it). KIND 2: normal with mean a and standard deviation b, by Box and Muller's transform
// ("A note on the generation of random normal deviates", 1958) of words (0, 1) and (2, 3). KIND 3: b where a uniform
// number in [0, 1) is below a, else 0. Linked with philox.wgsl, elementwise/elementary.wgsl and is_nan.wgsl.
// Work: one invocation makes the four elements of a block and strides over the grid. Constants: WORKGROUP, KIND.

struct Params { n: u32, a: f32, b: f32, c: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> state: GeneratorState;
@group(0) @binding(2) var<storage, read_write> values: array<u32>;

const RADIANS = 1.4629180792671596e-9; // of 2^-32 turns: 2π / 2^32

// In [0, 1), in steps of 2^-24: exact in float32.
fn unit(words: vec4<u32>) -> vec4<f32> {
  return vec4<f32>(words >> vec4(8u)) * 0x1p-24;
}

// Cosine and sine of word · 2^-32 turns, by Taylor's series within an eighth of a turn of the nearest quarter (less than
// 3e-9 is left off): WGSL's own may be off by 5e-4, and each driver's differ.
fn circle(word: u32) -> vec2<f32> {
  let quarter = (word + 0x20000000u) >> 30u;
  let t = f32(bitcast<i32>(word - (quarter << 30u))) * RADIANS;
  let q = t * t;
  let s = t * (1.0 - q * (1.0 / 6.0 - q * (1.0 / 120.0 - q * (1.0 / 5040.0 - q / 362880.0))));
  let c = 1.0 - q * (0.5 - q * (1.0 / 24.0 - q * (1.0 / 720.0 - q * (1.0 / 40320.0 - q / 3628800.0))));
  let turned = select(vec2(c, s), vec2(-s, c), (quarter & 1u) == 1u);
  return select(turned, -turned, (quarter & 2u) == 2u);
}

fn normal_pair(radius_word: u32, angle_word: u32) -> vec2<f32> {
  // In (0, 1]: never 0, so the logarithm is finite.
  let u = f32(radius_word) * 0x1p-32 + 0x1p-33;
  return sqrt(-2.0 * logarithm(u)) * circle(angle_word);
}

fn from_words(words: vec4<u32>) -> vec4<u32> {
  switch KIND {
    case 0u: { return words; }
    case 1u: { return bitcast<vec4<u32>>(min(params.a + params.b * unit(words), vec4(params.c))); }
    case 2u: {
      let z = vec4(normal_pair(words.x, words.y), normal_pair(words.z, words.w));
      return bitcast<vec4<u32>>(params.a + params.b * z);
    }
    default: {
      return bitcast<vec4<u32>>(select(vec4(0.0), vec4(params.b), unit(words) < vec4(params.a)));
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let blocks = (params.n + 3u) / 4u;
  for (var block = id.x; block < blocks; block += groups.x * WORKGROUP) {
    let words = from_words(philox(advanced(state.counter, block), state.key));
    for (var j = 0u; j < 4u && 4u * block + j < params.n; j++) {
      values[4u * block + j] = words[j];
    }
  }
}
