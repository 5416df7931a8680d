// Every parser that is fuzzed.

import type { Parser } from './parser.ts';
import { parsers as datasets } from './parsers/datasets.ts';
import { parsers as faulty } from './parsers/faulty.ts';
import { parsers as flags } from './parsers/flags.ts';
import { parsers as formats } from './parsers/formats.ts';
import { parsers as networks } from './parsers/networks.ts';
import { parsers as numpy } from './parsers/numpy.ts';
import { parsers as pictures } from './parsers/pictures.ts';
import { parsers as pytorch } from './parsers/pytorch.ts';
import { parsers as runs } from './parsers/runs.ts';
import { parsers as safetensors } from './parsers/safetensors.ts';

export const parsers: readonly Parser[] = [
  ...safetensors,
  ...numpy,
  ...pytorch,
  ...networks,
  ...datasets,
  ...pictures,
  ...formats,
  ...runs,
  ...flags,
];

/** The parser of a name, those that are wrong on purpose among them. */
export function findParser(name: string): Parser | undefined {
  return [...parsers, ...faulty].find((parser) => parser.name === name);
}
