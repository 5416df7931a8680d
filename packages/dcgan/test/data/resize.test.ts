// Resizing against Pillow's own results, and against the formula in floating point.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Fitter } from '../../src/data/fit.ts';
import { PlaneResizer } from '../../src/data/resize.ts';

/** Deterministic bytes that fast-check can shrink away from. */
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

function resize(pixels: Uint8Array, height: number, width: number, size: number): Uint8Array {
  const out = new Uint8Array(size * size);
  new PlaneResizer(height, width, size).resize(pixels, 0, out, 0);
  return out;
}

test('equals Pillow to the bit, shrinking, mixed and enlarging', () => {
  // Pillow 12.3, with torchvision's sizes and crop:
  //   a = ((np.arange(7)[:, None] * 37 + np.arange(5)[None, :] * 59) % 256).astype(np.uint8)
  //   r = Image.fromarray(a).resize((s, int(s * 7 / 5)), Image.BILINEAR); top = round((r.height - s) / 2)
  //   np.asarray(r.crop((0, top, s, top + s))).ravel()
  const pixels = Uint8Array.from({ length: 35 }, (_, i) => (Math.floor(i / 5) * 37 + (i % 5) * 59) % 256);
  expect([...resize(pixels, 7, 5, 3)]).toEqual([44, 137, 160, 102, 179, 110, 170, 104, 100]);
  expect([...resize(pixels, 7, 5, 4)]).toEqual([
    27, 96, 164, 169, 73, 142, 210, 87, 126, 176, 122, 88, 179, 141, 60, 129,
  ]);
  expect([...resize(pixels, 7, 5, 6)]).toEqual([
    30, 74, 123, 173, 170, 58, 62, 106, 155, 205, 190, 42, 95, 139, 188, 178, 115, 75, 127, 171, 155, 98, 63,
    107, 160, 204, 104, 47, 96, 140, 192, 200, 116, 79, 128, 172,
  ]);
});

/** The formula at the head of resize.ts as it stands, over every input, without rounding. */
function naive(pixels: Uint8Array, height: number, width: number, size: number): number[] {
  const short = Math.min(height, width);
  const weights = (input: number) => {
    const output = input === short ? size : Math.trunc((size * input) / short);
    const scale = input / output;
    const filter = Math.max(1, scale);
    const offset = (output - size) / 2;
    // Half a pixel is left over when the difference is odd: to the even side, as Python's round does.
    const crop = Number.isInteger(offset) ? offset : 2 * Math.round(offset / 2);
    return Array.from({ length: size }, (_, i) => {
      const centre = (crop + i + 0.5) * scale;
      const row = Array.from({ length: input }, (_, j) =>
        Math.max(0, 1 - Math.abs(j + 0.5 - centre) / filter),
      );
      const sum = row.reduce((a, b) => a + b);
      return row.map((weight) => weight / sum);
    });
  };
  const [rows, columns] = [weights(height), weights(width)];
  return rows.flatMap((row) =>
    columns.map((column) => {
      let sum = 0;
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) sum += row[y]! * column[x]! * pixels[y * width + x]!;
      }
      return sum;
    }),
  );
}

const side = fc.integer({ min: 1, max: 24 });
const picture = fc
  .tuple(side, side)
  .chain(([height, width]) =>
    fc.record({ height: fc.constant(height), width: fc.constant(width), pixels: bytes(height * width) }),
  );

test('stays within rounding of the formula', () => {
  fc.assert(
    fc.property(picture, fc.integer({ min: 1, max: 24 }), ({ height, width, pixels }, size) => {
      const expected = naive(pixels, height, width, size);
      resize(pixels, height, width, size).forEach((value, i) => {
        // Two roundings to bytes, half a step each, and 22-bit weights: 24 taps × 2^-23 × 255 is below 0.001.
        expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(1.002);
      });
    }),
  );
});

test('an even picture stays even, and the right size is left as it is', () => {
  fc.assert(
    fc.property(side, side, side, fc.nat(255), (height, width, size, value) => {
      const out = resize(new Uint8Array(height * width).fill(value), height, width, size);
      expect(out.every((pixel) => pixel === value)).toBe(true);
    }),
  );
  fc.assert(
    fc.property(bytes(49), (pixels) => {
      expect(resize(pixels, 7, 7, 7)).toEqual(pixels);
    }),
  );
});

test('RGB becomes grey by ITU-R 601 luma, grey becomes RGB by repetition', () => {
  // Pillow 12.3: Image.convert('L') of (255, 0, 0), (0, 255, 0), (0, 0, 255), (10, 200, 30) is 76, 150, 29, 124.
  const rgb = Uint8Array.of(255, 0, 0, 10, 0, 255, 0, 200, 0, 0, 255, 30);
  const grey = new Uint8Array(6);
  new Fitter(3, 2, 2, 1, 2).fit(rgb, 0, grey, 2);
  expect([...grey]).toEqual([0, 0, 76, 150, 29, 124]);
  const colour = new Uint8Array(12);
  new Fitter(1, 2, 2, 3, 2).fit(grey, 2, colour, 0);
  expect([...colour]).toEqual([76, 150, 29, 124, 76, 150, 29, 124, 76, 150, 29, 124]);
  const same = new Uint8Array(12);
  new Fitter(3, 2, 2, 3, 2).fit(rgb, 0, same, 0);
  expect(same).toEqual(rgb);
});
