// `glyphs`: handwriting-like digits drawn on the spot, white on black as MNIST's. No network and no files, and as
// many different ones as there are indices.
//
// Image i follows from (seed, i) alone: a digit and a style, Catmull-Rom curves through the style's points, bent by
// a random smooth field, slanted, turned and scaled, then inked with a pen of varying width. A pixel's ink is its
// distance to the pen's way, softened over about one pixel.
import { sha256OfText } from '../sha256.ts';
import { DIGIT_STYLES, type Style } from './glyph-strokes.ts';
import { imageDataset } from './image-dataset.ts';
import { checkSeed, Random, STREAM } from './random.ts';
import type { DatasetOptions, ImageDataset } from './types.ts';

/** As many as MNIST has; an epoch must end somewhere. */
const LENGTH = 60_000;
/** Raised when the drawing changes, so that a resumed run notices. */
const VERSION = 1;
/** Straight pieces that each span between two points of a style is cut into. */
const PIECES = 6;
/** Width in pixels over which ink fades out at the pen's edge, as in MNIST's own antialiasing. */
const EDGE = 1.2;
/** How much broader a pressed pen draws. */
const MAX_PRESSURE = 0.18;

const DIGITS = Array.from({ length: 10 }, (_, digit) => String(digit));

/** The drawn digits as a data set. Throws ConfigError for a seed that is not an integer from 0 to 2^53-1. */
export function openGlyphs(options: Pick<DatasetOptions, 'imageSize' | 'channels' | 'seed'>): ImageDataset {
  const { imageSize: size, channels, seed } = options;
  checkSeed(seed);
  const excess = new Float32Array(size * size);
  const form = `glyphs ${VERSION} ${LENGTH} ${size} ${channels} ${seed}`;
  return imageDataset({
    name: 'glyphs',
    length: LENGTH,
    channels,
    height: size,
    width: size,
    fingerprint: sha256OfText(form),
    label: {
      classes: DIGITS,
      read: (index) => new Random(seed, STREAM.glyphs, index).below(10),
      fingerprint: sha256OfText(`labels ${form}`),
    },
    read(index, out, offset) {
      const random = new Random(seed, STREAM.glyphs, index);
      drawDigit(random.below(10), random, size, excess);
      const plane = size * size;
      for (let i = 0; i < plane; i++) {
        const ink = 0.5 - excess[i]! / EDGE;
        out[offset + i] = ink <= 0 ? 0 : ink >= 1 ? 255 : Math.round(255 * ink);
      }
      for (let channel = 1; channel < channels; channel++) {
        out.copyWithin(offset + channel * plane, offset, offset + plane);
      }
    },
  });
}

/** Draws one digit: `excess` gets each pixel's distance to the inked area's edge in pixels, negative inside. */
function drawDigit(digit: number, random: Random, size: number, excess: Float32Array): void {
  const styles = DIGIT_STYLES[digit]!;
  const paths = bend(styles[random.below(styles.length)]!, random);
  // From a fine pen to a broad one, more often fine; never thinner than what one pixel can show.
  const pen = Math.max(0.5, size * 0.032 * Math.exp(random.uniform(0, 0.8)));
  place(paths, random, size, 2 * pen * (1 + MAX_PRESSURE));
  excess.fill(EDGE);
  for (const path of paths) {
    const last = path.length / 2 - 1;
    const phase = random.uniform(0, 2 * Math.PI);
    const pressure = random.uniform(0, MAX_PRESSURE);
    const lift = random.uniform(0, 0.3);
    const radius = (i: number) => {
      const along = i / last;
      return pen * (1 + pressure * Math.sin(phase + 5 * along) - lift * along ** 4);
    };
    for (let i = 0; i < last; i++) {
      inkPiece(path, 2 * i, radius(i), radius(i + 1), size, excess);
    }
  }
}

/** The style's strokes as polylines in its unit box, bent by a smooth random field so that joints stay joined. */
function bend(style: Style, random: Random): Float64Array[] {
  // Four plane waves of random direction, a slow pair for the whole shape and a quick pair for the hand's tremor.
  const waves = [0.7, 1.1, 1.9, 2.6].map((frequency, k) => {
    const angle = random.uniform(0, 2 * Math.PI);
    const amplitude = k < 2 ? 0.045 : 0.018;
    return {
      kx: 2 * Math.PI * frequency * Math.cos(angle),
      ky: 2 * Math.PI * frequency * Math.sin(angle),
      phase: random.uniform(0, 2 * Math.PI),
      dx: random.normal(amplitude),
      dy: random.normal(amplitude),
    };
  });
  return style.map((stroke) => {
    const bent = stroke.slice();
    for (let i = 0; i < stroke.length; i += 2) {
      for (const { kx, ky, phase, dx, dy } of waves) {
        const wave = Math.sin(kx * stroke[i]! + ky * stroke[i + 1]! + phase);
        bent[i]! += dx * wave;
        bent[i + 1]! += dy * wave;
      }
    }
    return catmullRom(bent);
  });
}

/** A polyline along the uniform Catmull-Rom spline through the points, whose ends count twice. */
function catmullRom(points: number[]): Float64Array {
  const count = points.length / 2;
  const line = new Float64Array(2 * ((count - 1) * PIECES + 1));
  const at = (i: number, axis: number) => points[2 * Math.min(count - 1, Math.max(0, i)) + axis]!;
  for (let i = 0; i < line.length / 2; i++) {
    const span = Math.min(count - 2, Math.floor(i / PIECES));
    const t = i / PIECES - span;
    for (let axis = 0; axis < 2; axis++) {
      const [p0, p1] = [at(span - 1, axis), at(span, axis)];
      const [p2, p3] = [at(span + 1, axis), at(span + 2, axis)];
      const cubic = (3 * (p1 - p2) + p3 - p0) * t;
      const square = (cubic + 2 * p0 - 5 * p1 + 4 * p2 - p3) * t;
      line[2 * i + axis] = p1 + 0.5 * (square + p2 - p0) * t;
    }
  }
  return line;
}

/**
 * Slants, turns and scales the polylines, in place, to pixels of a picture, near its middle. With the width of the
 * pen they take up to 0.8 of the picture, so no ink touches its border.
 */
function place(paths: Float64Array[], random: Random, size: number, penWidth: number): void {
  const aspect = random.uniform(0.52, 0.84);
  const slant = Math.max(-0.2, Math.min(0.55, 0.14 + random.normal(0.15)));
  const turn = random.normal(0.06);
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const path of paths) {
    for (let i = 0; i < path.length; i += 2) {
      const y = path[i + 1]!;
      const x = path[i]! * aspect - slant * y;
      path[i] = cos * x - sin * y;
      path[i + 1] = sin * x + cos * y;
      left = Math.min(left, path[i]!);
      right = Math.max(right, path[i]!);
      top = Math.min(top, path[i + 1]!);
      bottom = Math.max(bottom, path[i + 1]!);
    }
  }
  const extent = size * random.uniform(0.66, 0.8) - penWidth;
  const scale = extent / Math.max(right - left, bottom - top);
  const middleX = size * (0.5 + random.uniform(-0.03, 0.03));
  const middleY = size * (0.5 + random.uniform(-0.03, 0.03));
  for (const path of paths) {
    for (let i = 0; i < path.length; i += 2) {
      path[i] = middleX + scale * (path[i]! - (left + right) / 2);
      path[i + 1] = middleY + scale * (path[i + 1]! - (top + bottom) / 2);
    }
  }
}

/**
 * Inks the straight piece between points `at` and `at + 2` of a path with a pen that goes from one radius to another.
 */
function inkPiece(
  path: Float64Array,
  at: number,
  startRadius: number,
  endRadius: number,
  size: number,
  excess: Float32Array,
): void {
  const [x0, y0] = [path[at]!, path[at + 1]!];
  const [dx, dy] = [path[at + 2]! - x0, path[at + 3]! - y0];
  const lengthSquared = dx * dx + dy * dy + 1e-12;
  const reach = Math.max(startRadius, endRadius) + EDGE / 2;
  const first = (from: number, to: number) => Math.max(0, Math.floor(Math.min(from, to) - reach));
  const end = (from: number, to: number) => Math.min(size, Math.ceil(Math.max(from, to) + reach));
  const [left, right] = [first(x0, x0 + dx), end(x0, x0 + dx)];
  const [top, bottom] = [first(y0, y0 + dy), end(y0, y0 + dy)];
  for (let y = top; y < bottom; y++) {
    const py = y + 0.5 - y0;
    for (let x = left; x < right; x++) {
      const px = x + 0.5 - x0;
      const t = Math.max(0, Math.min(1, (px * dx + py * dy) / lengthSquared));
      const distance = Math.sqrt((px - t * dx) ** 2 + (py - t * dy) ** 2);
      const beyond = distance - startRadius - t * (endRadius - startRadius);
      const i = y * size + x;
      if (beyond < excess[i]!) excess[i] = beyond;
    }
  }
}
