/**
 * `pnpm fuzz [--cases N] [--parser NAME] [--seed S] [--case I] [--file PATH]`: hands hostile files to every
 * parser of the project, or to those named, and prints what came of them. A case may be accepted, with a sane
 * result, or refused with a ForgerError of one sentence that names the file; anything else is found, kept
 * under test/fuzz/corpus/ when it is small, and printed with the command that repeats it. `--case` runs one
 * case, `--file` one of the corpus.
 * Exits 1 when anything was found, 2 on wrong usage.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { keepCase, keptCase, makeCase } from './case.ts';
import { type Finding, type Job, runJobs } from './jobs.ts';
import { findParser, parsers } from './registry.ts';
import { repeat } from './repeat.ts';
import { tableLines } from './table.ts';

class UsageError extends Error {}

const corpus = fileURLToPath(new URL('corpus/', import.meta.url));

/** A whole number of at least `least`. @throws UsageError */
function whole(flag: string, text: string, least: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isSafeInteger(value) || value < least)
    throw new UsageError(`--${flag} ${text}: expected a whole number of at least ${least}.`);
  return value;
}

function jobsOf(args: readonly string[]): Job[][] {
  const { values } = parse(args);
  if (values.file !== undefined) {
    const file = resolve(values.file);
    if (!existsSync(file)) throw new UsageError(`--file ${values.file}: there is no such file.`);
    return [[{ parser: keptCase(file).parser, file }]];
  }
  const seed = whole('seed', values.seed, 0);
  const known = parsers.map(({ name }) => name);
  const names = values.parser ?? known;
  for (const name of names) {
    if (!findParser(name)) throw new UsageError(`--parser ${name}: expected one of ${known.join(', ')}.`);
  }
  const cases =
    values.case === undefined
      ? { from: 0, count: whole('cases', values.cases, 1) }
      : { from: whole('case', values.case, 0), count: 1 };
  return names.map((parser) => [{ parser, seed, ...cases }]);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        cases: { type: 'string', default: '1000' },
        parser: { type: 'string', multiple: true },
        seed: { type: 'string', default: '1' },
        case: { type: 'string' },
        file: { type: 'string' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Says what was found, and keeps the first case of each kind. */
async function report(finding: Finding, seen: Set<string>): Promise<void> {
  const { parser, kind, message, seed, index } = finding;
  const signature = `${parser} ${message.replace(/\d+/g, '#').slice(0, 80)}`;
  if (seen.has(signature)) return;
  seen.add(signature);
  console.log(`FOUND  ${parser}: ${kind}: ${JSON.stringify(message).slice(1, -1)}`);
  console.log(`       repeat: ${repeat(finding)}`);
  if (seed === undefined || index === undefined) return;
  const path = `${corpus}${parser}/${seed}-${index}.json`;
  if (keepCase(path, parser, await makeCase(findParser(parser)!, seed, index), message))
    console.log(`       kept:   ${path}`);
}

async function main(args: readonly string[]): Promise<number> {
  const jobs = jobsOf(args);
  console.log(`seed ${jobs[0]![0] && 'seed' in jobs[0]![0] ? jobs[0]![0].seed : 'of the corpus'}`);
  let found = 0;
  // A process for each parser, so that the memory is that parser's.
  for (const [index, own] of jobs.entries()) {
    const seen = new Set<string>();
    const tallies = await runJobs(own, async (finding) => {
      found++;
      await report(finding, seen);
    });
    for (const line of tableLines([...tallies], index === 0)) console.log(line);
  }
  console.log(found > 0 ? `${found} cases failed.` : 'Nothing was found.');
  return found > 0 ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`pnpm fuzz: ${error.message}`);
  process.exitCode = 2;
}
