// Antialiased bilinear resizing of one plane of bytes, with a centre crop: bit for bit what torchvision's
// Resize (shorter side) and CenterCrop give on a PIL image.
//
// For output place i of an axis scaled by s = in/out, with filter width f = max(s, 1):
//   c = (i + 0.5) s,   weight of input j = tri((j + 0.5 - c) / f) / sum,   tri(t) = max(0, 1 - |t|),
// over j in [trunc(c - f + 0.5), trunc(c + f + 0.5)), clipped to the axis. Columns first, rows second, rounded to
// bytes in between, weights as integers of 22 bits' precision. Source: Pillow, src/libImaging/Resample.c
// (precompute_coeffs, normalize_coeffs_8bpc) and torchvision.transforms.functional (resize, center_crop).

const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);

/** Which inputs each output of one axis sums, and their weights: `taps` per output, the unused ones zero. */
interface Axis {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
  readonly taps: number;
}

/** The axis from `input` places to `output`, of which `size` are kept from `crop` on. */
function axis(input: number, output: number, crop: number, size: number): Axis {
  const scale = input / output;
  const width = Math.max(scale, 1);
  const taps = Math.ceil(width) * 2 + 1;
  const first = new Int32Array(size);
  const count = new Int32Array(size);
  const weights = new Int32Array(size * taps);
  for (let i = 0; i < size; i++) {
    const centre = (crop + i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - width + 0.5));
    const end = Math.min(input, Math.trunc(centre + width + 0.5));
    const raw = Array.from({ length: end - start }, (_, k) =>
      Math.max(0, 1 - Math.abs((start + k - centre + 0.5) * (1 / width))),
    );
    const sum = raw.reduce((total, weight) => total + weight, 0);
    first[i] = start;
    count[i] = end - start;
    raw.forEach((weight, k) => {
      weights[i * taps + k] = Math.trunc((weight / sum) * 2 ** PRECISION_BITS + 0.5);
    });
  }
  return { first, count, weights, taps };
}

/** Rounds half to even, as Python's round() does for CenterCrop. */
function roundHalfEven(x: number): number {
  const rounded = Math.round(x);
  return x % 1 === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

/** Fits planes of height × width bytes to size × size: the shorter side resized to `size`, then the centre. */
export class PlaneResizer {
  readonly #height: number;
  readonly #width: number;
  readonly #size: number;
  readonly #rows: Axis;
  readonly #columns: Axis;
  /** The rows of the input that the output is made of. */
  readonly #firstRow: number;
  readonly #endRow: number;
  readonly #between: Uint8Array;

  constructor(height: number, width: number, size: number) {
    this.#height = height;
    this.#width = width;
    this.#size = size;
    const scaled = (side: number, other: number) =>
      side <= other ? size : Math.trunc((size * side) / other);
    const build = (side: number, other: number) => {
      const output = scaled(side, other);
      return axis(side, output, roundHalfEven((output - size) / 2), size);
    };
    this.#rows = build(height, width);
    this.#columns = build(width, height);
    this.#firstRow = this.#rows.first[0]!;
    this.#endRow = this.#rows.first[size - 1]! + this.#rows.count[size - 1]!;
    // Only the rows that are kept: of a picture a million times as tall as wide, that is one.
    this.#between = new Uint8Array((this.#endRow - this.#firstRow) * size);
  }

  /** Reads a plane of height × width bytes at `from`, writes size × size bytes at `to`. */
  resize(source: Uint8Array, from: number, out: Uint8Array, to: number): void {
    const size = this.#size;
    const width = this.#width;
    if (this.#height === size && width === size) {
      out.set(source.subarray(from, from + size * size), to);
      return;
    }
    const between = this.#between;
    const rows = this.#rows;
    for (let y = this.#firstRow, at = 0; y < this.#endRow; y++, at += size) {
      weigh(this.#columns, source, from + y * width, 1, between, at);
    }
    const above = this.#firstRow * size;
    for (let x = 0; x < size; x++) weigh(rows, between, x - above, size, out, to + x, size);
  }
}

/** Sums one line of inputs, `step` apart from `from` on, into the outputs of an axis, `outStep` apart from `to` on. */
function weigh(
  { first, count, weights, taps }: Axis,
  source: Uint8Array,
  from: number,
  step: number,
  out: Uint8Array,
  to: number,
  outStep = 1,
): void {
  for (let i = 0; i < first.length; i++) {
    const start = from + first[i]! * step;
    const end = i * taps + count[i]!;
    let sum = HALF;
    for (let k = i * taps, at = start; k < end; k++, at += step) sum += source[at]! * weights[k]!;
    out[to + i * outStep] = Math.min(255, sum >> PRECISION_BITS);
  }
}
