// The short version of `pnpm fuzz`: some cases for every parser, every case that was ever found, and parsers
// that are wrong on purpose. The long one: `pnpm fuzz --cases 10000`.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Finding, type Job, runJobs } from './jobs.ts';
import { parsers } from './registry.ts';
import { repeat } from './repeat.ts';

const SEED = 5;
const CASES = 40;
/** A network to build, pictures to decode: fewer of these. */
const SLOW: Readonly<Record<string, number>> = { network: 8, pictures: 20, 'picture-zip': 20 };

async function findings(jobs: readonly Job[]): Promise<Finding[]> {
  const found: Finding[] = [];
  await runJobs(jobs, (finding) => void found.push(finding));
  return found;
}

test(`up to ${CASES} cases for every parser, from seed ${SEED}`, async () => {
  const found = await findings(
    parsers.map(({ name }) => ({ parser: name, seed: SEED, from: 0, count: SLOW[name] ?? CASES })),
  );
  expect(found.map((finding) => `${repeat(finding)}: ${finding.message}`)).toEqual([]);
});

test('every case that was found once', async () => {
  const corpus = fileURLToPath(new URL('corpus', import.meta.url));
  const files = readdirSync(corpus, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.json'),
  );
  expect(files.length).toBeGreaterThan(0);
  const found = await findings(
    files.map((name) => ({ parser: name.split(/[\\/]/)[0]!, file: join(corpus, name) })),
  );
  expect(found.map((finding) => `${repeat(finding)}: ${finding.message}`)).toEqual([]);
});

describe('a parser that is wrong is found:', () => {
  const faults: [string, RegExp][] = [
    ['throws', /^TypeError: Cannot read properties of undefined at /],
    ['rejects', /^not caught: Error: nobody waits$/],
    ['vague', /^the DataError does not name the file: Something is wrong\.$/],
    ['over-reads', /^Insane: read beyond the file/],
    ['escapes', /^files were changed, from .* to .*escaped 0 /],
    ['dies', /^the process died \((SIGABRT|null|\d+)\): /],
    // Only Linux tells how much memory a single case took.
    ...(process.platform === 'linux'
      ? [['takes-memory', /^reading 8 bytes took 4\d\d MiB of memory$/] as [string, RegExp]]
      : []),
  ];

  test.each(faults)('%s', async (fault, message) => {
    const found = await findings([{ parser: `faulty-${fault}`, seed: SEED, from: 0, count: 1 }]);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ parser: `faulty-${fault}`, kind: 'crash', seed: SEED, index: 0 });
    expect(found[0]!.message).toMatch(message);
  });

  test('refuses what is valid', async () => {
    const found = await findings([{ parser: 'faulty-refuses', seed: SEED, from: 0, count: 100 }]);
    expect(found.length).toBeGreaterThan(0);
    expect(found[0]!.message).toMatch(/^a valid file was refused: /);
  });

  test('loops, and the cases after it are run', async () => {
    const tallies = await runJobs(
      [
        { parser: 'faulty-loops', seed: SEED, from: 0, count: 1 },
        { parser: 'pickle', seed: SEED, from: 0, count: 3 },
      ],
      () => {},
      { caseMs: 1500 },
    );
    expect(tallies.get('faulty-loops')).toMatchObject({ cases: 1, hangs: 1 });
    expect(tallies.get('pickle')).toMatchObject({ cases: 3, crashes: 0, hangs: 0 });
  });
});
