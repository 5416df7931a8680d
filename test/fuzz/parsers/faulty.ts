// Parsers that are wrong on purpose, one for each fault: what shows that the fuzzer finds them.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '@forger/tensor';
import { type Parser, sane, single } from '../parser.ts';

function faulty(name: string, read: Parser['read']): Parser {
  return { name: `faulty-${name}`, title: '', generate: (draw) => single('x.bin', draw.bytes(8)), read };
}

const kept: Uint8Array[] = [];

export const parsers: readonly Parser[] = [
  faulty('throws', async () => {
    throw new TypeError('Cannot read properties of undefined');
  }),
  faulty('rejects', async () => {
    void Promise.reject(new Error('nobody waits'));
  }),
  faulty('vague', async () => {
    throw new DataError('Something is wrong.');
  }),
  faulty('refuses', async (path) => {
    throw new DataError(`'${path}' is not liked.`);
  }),
  faulty('over-reads', async (path) => {
    sane(readFileSync(path).length > 1000, 'read beyond the file');
  }),
  faulty('takes-memory', async () => {
    kept.push(new Uint8Array(400 * 2 ** 20).fill(1));
    kept.length = 0;
  }),
  faulty('escapes', async (path) => {
    writeFileSync(join(path, '../../escaped'), '');
  }),
  faulty('dies', async () => {
    process.abort();
  }),
  faulty('loops', async () => {
    for (;;);
  }),
];
