// Folders of pictures: every colour form is read right, damaged files are skipped by name, others ignored.
import { symlinkSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { PlaneResizer } from '../../../dcgan/src/data/resize.ts';
import { type DatasetOptions, openDataset } from '../../src/data/dataset.ts';
import { filesOf, openPictures } from '../../src/data/pictures.ts';
import { PictureStore } from '../../src/data/store.ts';
import { options, readImage, rejection, sharp, temporaryFolder, write } from './helpers.ts';

const colour: DatasetOptions = { ...options, channels: 3, imageSize: 2, minImages: 1 };

/** Raw pixels as a sharp image of `width` pixels a row. */
function image(pixels: number[], width: number, channels: 1 | 2 | 3 | 4) {
  const height = pixels.length / width / channels;
  return sharp(Buffer.from(pixels), { raw: { width, height, channels } });
}

const fill = (value: number[], times: number) => Array.from({ length: times }, () => value).flat();

/** Opens a folder that holds just this file, and reads it. */
async function only(
  name: string,
  content: Uint8Array,
  change: Partial<DatasetOptions> = {},
): Promise<number[]> {
  const folder = temporaryFolder();
  write(folder, name, content);
  return [...readImage(await openDataset(folder, { ...colour, ...change }), 0)];
}

describe('colour', () => {
  // Rows of red, green; blue, white, as planes.
  const pixels = [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255];
  const planes = [255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255];

  test('RGB, palette and 16-bit PNG, TIFF, lossless WebP and GIF are read exactly', async () => {
    const rgb = () => image(pixels, 2, 3);
    expect(await only('a.png', await rgb().png().toBuffer())).toEqual(planes);
    expect(await only('a.PNG', await rgb().png({ palette: true }).toBuffer())).toEqual(planes);
    expect(await only('a.png', await rgb().toColourspace('rgb16').png().toBuffer())).toEqual(planes);
    expect(await only('a.tiff', await rgb().tiff({ compression: 'lzw' }).toBuffer())).toEqual(planes);
    expect(await only('a.webp', await rgb().webp({ lossless: true }).toBuffer())).toEqual(planes);
    expect(await only('a.gif', await rgb().gif({ dither: 0 }).toBuffer())).toEqual(planes);
  });

  test('JPEG and CMYK JPEG are read to within their loss', async () => {
    const plain = () => image(fill([200, 60, 30], 64), 8, 3);
    const near = (actual: number[], tolerance: number) => {
      [200, 60, 30].forEach((value, c) => {
        expect(Math.abs(actual[4 * c]! - value)).toBeLessThanOrEqual(tolerance);
      });
    };
    // One colour loses only roundings in JPEG; the trip through a CMYK profile loses a few steps more.
    near(await only('a.jpg', await plain().jpeg({ quality: 100 }).toBuffer()), 2);
    near(await only('a.jpeg', await plain().toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer()), 12);
  });

  test('grey, 16-bit grey and grey with alpha', async () => {
    const grey = [10, 20, 30, 40];
    const thrice = [...grey, ...grey, ...grey];
    expect(await only('g.png', await image(grey, 2, 1).png().toBuffer())).toEqual(thrice);
    expect(await only('g.png', await image(grey, 2, 1).toColourspace('grey16').png().toBuffer())).toEqual(
      thrice,
    );
    const alpha = image([10, 255, 20, 0, 30, 255, 40, 0], 2, 2).toColourspace('b-w');
    const file = await alpha.png().toBuffer();
    expect((await sharp(file).metadata()).channels).toBe(2);
    expect(await only('g.png', file, { background: 'red' })).toEqual([
      10, 255, 30, 255, 10, 0, 30, 0, 10, 0, 30, 0,
    ]);
  });

  test('grey from colour is luma', async () => {
    expect(await only('a.png', await image(pixels, 2, 3).png().toBuffer(), { channels: 1 })).toEqual([
      76, 150, 29, 255,
    ]);
  });

  test('transparency is laid on the background, white by default', async () => {
    const clear = await image(fill([9, 9, 9, 0], 4), 2, 4)
      .png()
      .toBuffer();
    expect(await only('a.png', clear)).toEqual(fill([255], 12));
    expect(await only('a.png', clear, { background: '#102030' })).toEqual(
      fill([16, 16, 16, 16, 32, 32, 32, 32, 48, 48, 48, 48], 1),
    );
    const half = await image(fill([0, 0, 0, 51], 4), 2, 4)
      .png()
      .toBuffer();
    expect(await only('a.png', half)).toEqual(fill([204], 12));
  });

  test('a background that is no colour is refused', async () => {
    const folder = temporaryFolder();
    write(folder, 'a.png', await image(pixels, 2, 3).png().toBuffer());
    const message = await rejection(openDataset(folder, { ...colour, background: 'reddish' }), 'ConfigError');
    expect(message).toContain("'reddish' is not a CSS colour");
  });
});

describe('size', () => {
  test('pictures up to four times the size are resized as torchvision would', async () => {
    const [width, height, size] = [21, 14, 8];
    const grey = Uint8Array.from({ length: width * height }, (_, i) => (i * i * 7) % 256);
    const expected = new Uint8Array(size * size);
    new PlaneResizer(height, width, size).resize(grey, 0, expected, 0);
    const file = await image([...grey], width, 1)
      .png()
      .toBuffer();
    expect(await only('a.png', file, { imageSize: size, channels: 1 })).toEqual([...expected]);
  });

  test('a large picture keeps its centre, its shorter side whole', async () => {
    // Left and right thirds black, the middle one white: the centre crop of a 3:1 picture is all white.
    const row = [...fill([0], 100), ...fill([255], 100), ...fill([0], 100)];
    const file = await image(fill(row, 100), 300, 1).png().toBuffer();
    const out = await only('a.png', file, { imageSize: 8, channels: 1 });
    // The outermost columns see a little of the black beyond the crop, as they do in torchvision.
    expect(out.every((value, i) => (i % 8 > 0 && i % 8 < 7 ? value === 255 : value > 150))).toBe(true);
  });

  test('an EXIF orientation turns the picture upright', async () => {
    const red = fill([255, 0, 0], 64);
    const blue = fill([0, 0, 255], 64);
    // Above red, below blue; orientation 3 is upside down.
    const file = await image([...red, ...blue], 8, 3)
      .jpeg({ quality: 100 })
      .withMetadata({ orientation: 3 })
      .toBuffer();
    const out = await only('a.jpg', file);
    // The top row is blue but for the eighth of the other half that the resizing filter reaches.
    expect([out[0]! < 50, out[8]! > 205]).toEqual([true, true]);
  });
});

describe('folders', () => {
  const picture = async (value: number) =>
    image(fill([value], 4), 2, 1)
      .png()
      .toBuffer();
  const firsts = async (folder: string) => {
    const dataset = await openDataset(folder, { ...colour, channels: 1 });
    return Array.from({ length: dataset.length }, (_, i) => readImage(dataset, i)[0]);
  };

  test('nested and linked pictures come in the order of their paths, hidden ones not at all', async () => {
    const folder = temporaryFolder();
    const elsewhere = temporaryFolder();
    write(folder, 'b/2.png', await picture(3));
    write(folder, 'b/10.png', await picture(2));
    write(folder, 'a.png', await picture(1));
    write(folder, '.hidden/c.png', await picture(9));
    write(folder, '._a.png', 'a Mac leaves such files');
    write(elsewhere, 'x.png', await picture(4));
    symlinkSync(elsewhere, path.join(folder, 'c'));
    symlinkSync(folder, path.join(folder, 'd'));
    symlinkSync(path.join(folder, 'missing'), path.join(folder, 'e.png'));
    expect(await firsts(folder)).toEqual([1, 2, 3, 4]);
  });

  test('damaged pictures are skipped and named, other files counted', async () => {
    const folder = temporaryFolder();
    const noise = Array.from({ length: 3000 }, (_, i) => (i * i * 31) % 251);
    const png = await image(noise, 50, 3).png().toBuffer();
    const jpeg = await image(noise, 50, 3).jpeg().toBuffer();
    write(folder, 'good1.png', await picture(1));
    write(folder, 'good2.png', await picture(2));
    write(folder, 'cut.png', png.subarray(0, png.length / 2));
    write(folder, 'cut.jpg', jpeg.subarray(0, jpeg.length / 2));
    const changed = Buffer.from(png);
    changed.fill(0x55, 200, 260);
    write(folder, 'changed.png', changed);
    write(folder, 'empty.webp', '');
    write(folder, 'text.png', 'not a picture');
    write(folder, 'notes.txt', 'a text');
    const dataset = await openDataset(folder, { ...colour, channels: 1 });
    expect([0, 1].map((i) => readImage(dataset, i)[0])).toEqual([1, 2]);
    expect(dataset.length).toBe(2);
    const [skipped, ignored] = dataset.notes;
    expect(skipped).toBe(
      '5 of 7 pictures could not be read and were skipped: 2 .png (the PNG is damaged or cut short): changed.png, cut.png; ' +
        '1 .jpg (the JPEG is damaged or cut short): cut.jpg; 1 .webp (it is empty): empty.webp; ' +
        '1 .png (it is no PNG, JPEG, WebP, GIF, AVIF, TIFF, BMP or PPM, whatever its name says): text.png.',
    );
    expect(ignored).toBe('Files ignored because they are not pictures: 1 .txt.');
  });

  test('a picture that claims more than 100 megapixels is skipped', async () => {
    const folder = temporaryFolder();
    const jpeg = await image(fill([1, 2, 3], 64), 8, 3)
      .jpeg()
      .toBuffer();
    // The frame header's height and width follow the marker, a length and the precision.
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
    jpeg.writeUInt16BE(65000, frame + 5);
    jpeg.writeUInt16BE(65000, frame + 7);
    write(folder, 'huge.jpg', jpeg);
    write(folder, 'good.png', await picture(1));
    const dataset = await openDataset(folder, colour);
    expect(dataset.notes[0]).toMatch(/1 \.jpg \(Input image exceeds pixel limit\): huge\.jpg/);
  });

  test('too few that can be read is an error that names what was skipped', async () => {
    const folder = temporaryFolder();
    write(folder, 'good.png', await picture(1));
    write(folder, 'bad.png', 'x');
    const message = await rejection(openDataset(folder, { ...colour, minImages: 2 }), 'DataError');
    expect(message).toMatch(/holds 1 usable pictures, and at least 2 are needed; .*bad\.png/);
  });

  test('more pictures than the memory holds are refused before any is read', async () => {
    const names = new Array<string>(10_000_000).fill('a.png');
    const opening = openPictures(filesOf('nowhere', names), { ...colour, imageSize: 1024 });
    expect(await rejection(opening, 'DataError')).toMatch(
      /10000000 pictures at this size take 31457\.3 GB of memory/,
    );
  });

  test('the store keeps pictures apart, over as many arrays as it takes', () => {
    const store = new PictureStore(10, 3, 11);
    for (let i = 0; i < 10; i++) store.at(i).fill(i);
    expect(Array.from({ length: 10 }, (_, i) => [...store.at(i)])).toEqual(
      Array.from({ length: 10 }, (_, i) => [i, i, i]),
    );
  });

  test('progress is told, and the fingerprint follows the content and not the place', async () => {
    const [folder, copy] = [temporaryFolder(), temporaryFolder()];
    for (const place of [folder, copy]) {
      write(place, 'a.png', await picture(1));
      write(place, 'b.png', await picture(2));
    }
    const steps: string[] = [];
    const onProgress = (done: number, total: number, unit: string) => steps.push(`${done}/${total} ${unit}`);
    const { fingerprint } = await openDataset(folder, { ...colour, onProgress });
    expect(steps).toEqual(['1/2 pictures', '2/2 pictures']);
    expect((await openDataset(copy, colour)).fingerprint).toBe(fingerprint);
    expect((await openDataset(copy, { ...colour, background: 'black' })).fingerprint).not.toBe(fingerprint);
    write(copy, 'b.png', await picture(3));
    expect((await openDataset(copy, colour)).fingerprint).not.toBe(fingerprint);
  });

  test('missing, empty, without pictures, mixed, one picture: each a sentence', async () => {
    const folder = temporaryFolder();
    const refusal = (target: string) => rejection(openDataset(target, colour), 'DataError');
    expect(await refusal(path.join(folder, 'nowhere'))).toContain('does not exist');
    expect(await refusal(folder)).toContain('is empty, and IDX images');
    write(folder, 'notes.txt', 'x');
    expect(await refusal(folder)).toContain('holds 1 files but no images');
    const file = write(folder, 'a.png', await picture(1));
    expect(await refusal(file)).toContain('is one picture');
    write(folder, 'train-images-idx3-ubyte', 'x');
    expect(await refusal(folder)).toContain('more than one data set (train-images-idx3-ubyte, 1 pictures)');
    expect(await refusal(path.join(folder, 'notes.txt'))).toContain('less than the 16 of an IDX header');
  });
});

test('options out of range are refused', async () => {
  const refusal = (change: object) =>
    rejection(openDataset('glyphs', { ...colour, ...change }), 'ConfigError');
  expect(await refusal({ imageSize: 0 })).toContain('The image size is 0');
  expect(await refusal({ imageSize: 2.5 })).toContain('The image size is 2.5');
  expect(await refusal({ channels: 2 })).toContain('The number of channels is 2');
  expect(await refusal({ seed: -1 })).toContain('The seed is -1');
});
