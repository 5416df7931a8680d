// Safetensors files: a header of JSON, whose every field may lie, and bytes.

import { type Draw, number } from '../draw.ts';
import { json } from '../json.ts';
import { type Parser, type Sample, single } from '../parser.ts';
import { readAll, tensors } from './tensors.ts';

const DTYPES = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U64: 8, U8: 1, BOOL: 1 };

export function safetensors(draw: Draw): Buffer {
  const header: Record<string, unknown> = {};
  if (draw.chance(0.3)) header.__metadata__ = { format: 'pt', note: 'x' };
  const parts: Buffer[] = [];
  let at = 0;
  const [dtype, size] = draw.pick(Object.entries(DTYPES));
  for (const { name, shape, bytes } of tensors(draw, () => size)) {
    header[name] = { dtype, shape, data_offsets: [at, at + bytes.length] };
    parts.push(bytes);
    at += bytes.length;
  }
  // In one of four twisted files the text stays, so that what follows it is reached.
  const text = Buffer.from(draw.chance(0.25) ? JSON.stringify(header) : json(draw, header));
  return Buffer.concat([number(draw.bits(text.length), 8), text, ...parts.map((part) => draw.part(part))]);
}

const parser: Parser = {
  name: 'safetensors',
  title: 'weights as safetensors',
  generate: (draw): Sample => single('x.safetensors', safetensors(draw)),
  read: readAll,
};

export const parsers = [parser];
