// Sample grids: each pixel where it belongs.

import { gridPixels } from '@forger/dcgan';
import { ShapeError } from '@forger/tensor';
import { describe, expect, test } from 'vitest';

const base = { channels: 1, height: 2, width: 3, range: [-1, 1] as const, scale: 1 };

describe('gridPixels', () => {
  test('lays pictures out row by row, with black between and unused places black', () => {
    const images = Float32Array.from({ length: 3 * 6 }, (_, i) => (i < 6 ? -1 : i < 12 ? 0 : 1));
    const { pixels, width, height, channels } = gridPixels(images, {
      ...base,
      count: 3,
      columns: 2,
      padding: 1,
    });
    expect([width, height, channels]).toEqual([9, 7, 1]);
    const grey = 128; // round(127.5)
    const row = (left: number, right: number) => [0, left, left, left, 0, right, right, right, 0];
    expect([...pixels]).toEqual([
      ...row(0, 0),
      ...row(0, grey),
      ...row(0, grey),
      ...row(0, 0),
      ...row(255, 0),
      ...row(255, 0),
      ...row(0, 0),
    ]);
  });

  test('shows BGR pictures in their colours', () => {
    const images = Float32Array.from([1, 1, 0, 0, 0, 0]); // blue, green and red planes of two pixels
    const options = {
      count: 1,
      channels: 3,
      height: 1,
      width: 2,
      range: [0, 1],
      scale: 1,
      padding: 0,
    } as const;
    expect([...gridPixels(images, { ...options, channelOrder: 'bgr' }).pixels]).toEqual([
      0, 0, 255, 0, 0, 255,
    ]);
    expect([...gridPixels(images, options).pixels]).toEqual([255, 0, 0, 255, 0, 0]);
  });

  test('clamps what lies outside the range and keeps every grey level apart', () => {
    const images = Float32Array.from({ length: 256 }, (_, i) => i / 255);
    const options = {
      count: 1,
      channels: 1,
      height: 16,
      width: 16,
      range: [0, 1] as const,
      padding: 0,
      scale: 1,
    };
    expect([...gridPixels(images, options).pixels]).toEqual(Array.from({ length: 256 }, (_, i) => i));
    expect([
      ...gridPixels(Float32Array.of(-3, 7, Number.NaN, 0.5), { ...options, height: 2, width: 2 }).pixels,
    ]).toEqual([0, 255, 0, 128]);
  });

  test('interleaves channels and enlarges by whole pixels', () => {
    const red = Float32Array.of(1, 0, /* green */ 0, 1, /* blue */ 0, 0);
    const grid = gridPixels(red, {
      count: 1,
      channels: 3,
      height: 1,
      width: 2,
      range: [0, 1],
      padding: 0,
      scale: 2,
    });
    const line = [255, 0, 0, 255, 0, 0, 0, 255, 0, 0, 255, 0];
    expect([grid.width, grid.height, grid.channels]).toEqual([4, 2, 3]);
    expect([...grid.pixels]).toEqual([...line, ...line]);
  });

  test('makes small pictures large enough to see unless told otherwise', () => {
    const options = { count: 1, channels: 1, height: 28, width: 28, range: [0, 1] as const, padding: 0 };
    expect(gridPixels(new Float32Array(28 * 28), options).width).toBe(84);
  });

  test('refuses options that do not describe the images', () => {
    expect(() => gridPixels(new Float32Array(5), { ...base, count: 1 })).toThrow(ShapeError);
    expect(() => gridPixels(new Float32Array(5), { ...base, count: 1 })).toThrow(
      '5 values do not fill 1x1x2x3 pictures',
    );
    expect(() => gridPixels(new Float32Array(12), { ...base, channels: 2, count: 1 })).toThrow('2 channels');
    expect(() => gridPixels(new Float32Array(6), { ...base, count: 1, columns: 0 })).toThrow('columns 0');
    expect(() => gridPixels(new Float32Array(0), { ...base, count: 0 })).toThrow(ShapeError);
  });
});
