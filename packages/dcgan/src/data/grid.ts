// Sample grids: a batch of pictures laid out in rows, as 8-bit pixels.

import { ShapeError } from '@forger/tensor';

export interface GridOptions {
  /** The images' logical shape: count x channels x height x width. */
  count: number;
  channels: number;
  height: number;
  width: number;
  /** Values that become black and white; what lies outside is clamped. */
  range: readonly [number, number];
  /** The order of the channels of colour pictures. Default 'rgb'. */
  channelOrder?: 'rgb' | 'bgr' | undefined;
  /** Pictures in a row. Default: as close to a square as the count allows. */
  columns?: number;
  /** Black pixels around each picture, before enlarging. Default 2, as torchvision's make_grid. */
  padding?: number;
  /** Whole number of pixels that each pixel becomes. Default: enough to make a picture 64 pixels tall. */
  scale?: number;
}

/** Interleaved 8-bit pixels, row by row. */
export interface GridImage {
  pixels: Uint8Array;
  width: number;
  height: number;
  channels: 1 | 3;
}

const DEFAULT_PADDING = 2;
const COMFORTABLE_HEIGHT = 64;

/**
 * Lays pictures out in a grid.
 * @param images NCHW values; a value v becomes round(255 (v - lo) / (hi - lo)), as torchvision's save_image.
 * @throws ShapeError when the options do not describe the images.
 */
export function gridPixels(images: Float32Array, options: GridOptions): GridImage {
  const { count, height, width, range, channelOrder, padding = DEFAULT_PADDING } = options;
  const channels = checkShape(images, options);
  const columns = Math.min(options.columns ?? Math.ceil(Math.sqrt(count)), count);
  const scale = options.scale ?? Math.max(1, Math.ceil(COMFORTABLE_HEIGHT / height));
  const rows = Math.ceil(count / columns);
  const small = new Uint8ClampedArray(
    (rows * (height + padding) + padding) * (columns * (width + padding) + padding) * channels,
  );
  const rowPixels = columns * (width + padding) + padding;
  const [low, high] = range;
  for (let n = 0; n < count; n++) {
    const top = padding + Math.floor(n / columns) * (height + padding);
    const left = padding + (n % columns) * (width + padding);
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        const from = ((n * channels + c) * height + y) * width;
        const to =
          ((top + y) * rowPixels + left) * channels + (channelOrder === 'bgr' ? channels - 1 - c : c);
        for (let x = 0; x < width; x++) {
          small[to + x * channels] = Math.round((255 * (images[from + x]! - low)) / (high - low));
        }
      }
    }
  }
  const grid = { width: rowPixels, height: rows * (height + padding) + padding, channels };
  return enlarge({ ...grid, pixels: new Uint8Array(small.buffer) }, scale);
}

// Each pixel becomes a square, so that what the network made is what one sees.
function enlarge({ pixels, width, height, channels }: GridImage, scale: number): GridImage {
  if (scale === 1) return { pixels, width, height, channels };
  const large = new Uint8Array(pixels.length * scale * scale);
  const rowLength = width * scale * channels;
  for (let y = 0; y < height; y++) {
    const row = y * scale * rowLength;
    for (let x = 0; x < width * scale; x++) {
      const from = (y * width + Math.floor(x / scale)) * channels;
      for (let c = 0; c < channels; c++) large[row + x * channels + c] = pixels[from + c]!;
    }
    for (let copy = 1; copy < scale; copy++) {
      large.copyWithin(row + copy * rowLength, row, row + rowLength);
    }
  }
  return { pixels: large, width: width * scale, height: height * scale, channels };
}

function checkShape(images: Float32Array, options: GridOptions): 1 | 3 {
  const { count, channels, height, width, columns = 1, padding = 0, scale = 1 } = options;
  const shape = [count, channels, height, width];
  if (images.length === 0 || images.length !== shape.reduce((a, b) => a * b)) {
    throw new ShapeError(`grid: ${images.length} values do not fill ${shape.join('x')} pictures`);
  }
  if (channels !== 1 && channels !== 3) {
    throw new ShapeError(`grid: ${channels} channels, where a picture has 1 or 3`);
  }
  if (![columns, padding + 1, scale].every((n) => Number.isInteger(n) && n >= 1)) {
    throw new ShapeError(
      `grid: columns ${columns}, padding ${padding}, scale ${scale} must be whole and positive`,
    );
  }
  return channels;
}
