// One case: made from the parser's name, a seed and a number, or read from a file of the corpus; run in a folder of its
// own; and classified.

import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { deflateSync, inflateSync } from 'node:zlib';
import { ForgerError } from '@forger/tensor';
import { Draw, ESCAPED } from './draw.ts';
import { memory, resetPeak } from './memory.ts';
import type { Parser, Sample } from './parser.ts';

export interface Case {
  sample: Sample;
  /** Nothing is wrong with it, so it has to be accepted. */
  valid: boolean;
}

/** How hostile cases are, by turns: valid; a field here and there; many fields; damaged bytes. */
export async function makeCase(parser: Parser, seed: number, index: number): Promise<Case> {
  const draw = new Draw(parser.name, seed, index);
  const rate = draw.pick([0, 0, 0.01, 0.03, 0.1, 0.1, 0.3]);
  draw.rate = rate;
  const damaged = !parser.whole && draw.chance(rate === 0 ? 0.7 : 0.2);
  const sample = await parser.generate(draw);
  const valid = rate === 0 && !damaged;
  if (!damaged) return { sample, valid };
  const files = new Map(sample.files);
  const name = draw.pick([...files.keys()]);
  files.set(name, draw.damage(Buffer.from(files.get(name)!)));
  return { sample: { ...sample, files }, valid };
}

export interface CaseResult {
  outcome: 'accepted' | 'refused' | 'crash';
  /** The refusal's sentence, or what is wrong. */
  message?: string;
  milliseconds: number;
  /** Bytes that the process grew by while it read, at the highest; 0 where that cannot be told. */
  growth: number;
  /** The largest size of the process so far, in bytes. */
  peak: number;
}

/** A refusal is read by a person. */
const LONGEST_MESSAGE = 2000;

/** Reading may take this much memory, and so many times what the files hold. */
const FREE_BYTES = 384 * 2 ** 20;
const MOST_TIMES = 40;

/** Runs a case below `root`, an empty folder that this process alone uses. */
export async function runCase(parser: Parser, { sample, valid }: Case, root: string): Promise<CaseResult> {
  const folder = join(root, 'above', 'case');
  let bytes = 0;
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of sample.files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
    bytes += content.length;
  }
  const allowed = (name: string) => parser.writes?.test(name.slice('above/case/'.length)) ?? false;
  const before = listing(root, allowed);
  const small = resetPeak();
  const start = performance.now();
  let result: Pick<CaseResult, 'outcome' | 'message'>;
  try {
    await parser.read(join(folder, sample.target), sample);
    result = { outcome: 'accepted' };
  } catch (error) {
    result = classify(error, parser, sample, join(folder, sample.target));
  }
  const milliseconds = performance.now() - start;
  const { peak } = memory();
  const growth = small === undefined ? 0 : peak - small;
  if (result.outcome !== 'crash') {
    const after = listing(root, allowed);
    const escaped = join(dirname(root), ESCAPED);
    const wrong =
      after !== before
        ? `files were changed, from ${before} to ${after}`
        : statSync(escaped, { throwIfNoEntry: false })
          ? `${escaped} was written`
          : growth > FREE_BYTES + MOST_TIMES * bytes
            ? `reading ${bytes} bytes took ${Math.round(growth / 2 ** 20)} MiB of memory`
            : valid && result.outcome === 'refused'
              ? `a valid file was refused: ${result.message}`
              : Object.hasOwn(Object.prototype, 'polluted')
                ? 'the prototype of objects was changed'
                : undefined;
    if (wrong !== undefined) result = { outcome: 'crash', message: wrong };
  }
  rmSync(join(root, 'above'), { recursive: true, force: true });
  return { ...result, milliseconds, growth, peak };
}

function classify(
  error: unknown,
  parser: Parser,
  sample: Sample,
  path: string,
): Pick<CaseResult, 'outcome' | 'message'> {
  const { name, message, stack } = error as Error;
  if (!(error instanceof ForgerError)) {
    const where = stack?.match(/at .*?([\w-]+\.m?[jt]s:\d+)/)?.[1];
    return { outcome: 'crash', message: `${name}: ${message.slice(0, 300)}${where ? ` at ${where}` : ''}` };
  }
  const names = [basename(path), ...sample.files.keys()].map((file) => basename(file));
  const fault =
    message.trim() === ''
      ? 'is empty'
      : message.length > LONGEST_MESSAGE
        ? `has ${message.length} characters`
        : /[\n\r]/.test(message)
          ? 'has more than one line'
          : !parser.anonymous?.test(message) && !names.some((file) => message.includes(file))
            ? 'does not name the file'
            : undefined;
  if (fault === undefined) return { outcome: 'refused', message };
  return { outcome: 'crash', message: `the ${name} ${fault}: ${message.slice(0, 300)}` };
}

/** Every file below a folder with its size and time, but those that may be written. */
function listing(root: string, allowed: (name: string) => boolean): string {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => !allowed(name))
    .map((name) => {
      const { size, mtimeMs, mode } = statSync(join(root, name));
      return statSync(join(root, name)).isDirectory() ? name : `${name} ${size} ${mtimeMs} ${mode}`;
    })
    .sort()
    .join(', ');
}

interface Kept {
  parser: string;
  /** What was wrong when it was found. */
  what: string;
  target: string;
  options?: Record<string, unknown>;
  /** Deflated, in base64. */
  files: Record<string, string>;
}

/** Larger cases are not kept: the command that repeats them is printed. */
const LARGEST_KEPT = 64 * 1024;

/** Writes a case into the corpus. @returns whether it was small enough. */
export function keepCase(path: string, parser: string, { sample }: Case, what: string): boolean {
  const files = Array.from(sample.files, ([name, content]) => [
    name,
    deflateSync(content, { level: 9 }).toString('base64'),
  ]);
  const kept = { parser, what, ...sample, files: Object.fromEntries(files) };
  const text = `${JSON.stringify(kept, null, 2)}\n`;
  if (text.length > LARGEST_KEPT) return false;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return true;
}

/** A case of the corpus. */
export function keptCase(path: string): Case & { parser: string } {
  const { parser, target, options, files } = JSON.parse(readFileSync(path, 'utf8')) as Kept;
  const inflated = Object.entries(files).map(
    ([name, text]) => [name, inflateSync(Buffer.from(text, 'base64'))] as const,
  );
  return { parser, sample: { files: new Map(inflated), target, ...(options && { options }) }, valid: false };
}
