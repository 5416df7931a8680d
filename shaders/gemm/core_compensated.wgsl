// Matrix product, version 1 in twice the precision: one output per invocation, and an error term carried beside the sum
// (the dot product "Dot2" of Ogita, Rump and Oishi, "Accurate Sum and Dot Product", 2005). The result is as good as if
// computed in about 48 bits and rounded once. Slow: the reference for the errors of the other cores, and for comparing
// whole training runs, where the sign of a sum near zero decides on which side of a leaky ReLU it falls.
//
// WGSL lets a compiler turn (a + b) - a into b, which would remove the error term; `opaque` hides a value from it.
// Constants: WORKGROUP. Grid: x strides over M·N, z is the batch.

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let size = gemm_size();
  let z = id.z;
  let range = inner_range(z);
  for (var i = id.x; i < size.x * size.y; i += groups.x * WORKGROUP) {
    let row = row_at(z, i / size.y);
    let column = column_at(z, i % size.y);
    var high = 0.0;
    var low = 0.0;
    for (var k = range.x; k < range.y; k++) {
      let inner = inner_at(z, k);
      let a = a_value(row, inner);
      let b = b_value(inner, column);
      let product = opaque(a * b);
      // sum + error = high + product exactly (Knuth's TwoSum).
      let sum = opaque(high + product);
      let part = opaque(sum - high);
      low += (high - opaque(sum - part)) + (product - part) + product_error(a, b, product);
      high = sum;
    }
    store(z, row, column, high + low);
  }
}

// a·b - product, exactly: each factor is split into halves of 12 bits, whose products are exact (Dekker 1971).
fn product_error(a: f32, b: f32, product: f32) -> f32 {
  let a_high = bitcast<f32>(bitcast<u32>(a) & 0xfffff000u);
  let b_high = bitcast<f32>(bitcast<u32>(b) & 0xfffff000u);
  let a_low = a - a_high;
  let b_low = b - b_high;
  return a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low);
}

// The same number; the compiler cannot know that the word it is combined with is always 0.
fn opaque(x: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(x) ^ select(0u, 1u, params.splits == 0xffffffffu));
}
