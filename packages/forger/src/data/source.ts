// What a data set is before it is fitted: raw pictures in memory, or files of pictures that have to be decoded.
import path from 'node:path';
import {
  type DatasetOptions,
  type ImageDataset,
  openRawImages,
  type RawPictures,
} from '@forger/dcgan/internal';
import { openPictures, type PictureFiles } from './pictures.ts';

export type Source = { notes: readonly string[] } & (
  | { kind: 'raw'; name: string; raw: RawPictures }
  | { kind: 'pictures'; files: PictureFiles }
);

/** Raw pictures, by the file or folder that they come from. */
export function rawSource(target: string, raw: RawPictures, notes: readonly string[] = []): Source {
  return { kind: 'raw', name: path.basename(path.resolve(target)), raw, notes };
}

/** Fits a source to the size and channels that are wanted. */
export async function openSource(source: Source, options: DatasetOptions): Promise<ImageDataset> {
  if (source.kind === 'raw') return openRawImages(source.name, source.raw, options, source.notes);
  const dataset = await openPictures(source.files, options);
  return { ...dataset, notes: [...dataset.notes, ...source.notes] };
}
