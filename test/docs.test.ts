// What the documents say of the repository is there: links, anchors, paths, and the flags of commands.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test, vi } from 'vitest';
import { benchmarks } from '../bench/registry.ts';
import { run } from '../packages/forger/src/cli/program.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\n');
const files = git('ls-files', '--cached', '--others', '--exclude-standard').filter((file) =>
  existsSync(join(root, file)),
);
const documents = files.filter((file) => /^(\w+|docs\/.+|examples\/.+)\.md$/.test(file));
const text = (file: string): string => readFileSync(join(root, file), 'utf8');

/** A document's code: lines of fenced blocks, and what stands in backticks elsewhere. */
function codeOf(file: string): { fenced: string[]; inline: string[] } {
  const fenced: string[] = [];
  const prose = text(file).replace(/^```.*\n([\s\S]*?)^```$/gm, (_, block: string) => {
    fenced.push(...block.split('\n'));
    return '';
  });
  return { fenced, inline: [...prose.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!) };
}

/** The anchors that GitHub makes of a document's headings. */
function anchorsOf(file: string): string[] {
  return [...text(file).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('there are documents to check', () => {
  expect(documents).toEqual(
    expect.arrayContaining(['README.md', 'ARCHITECTURE.md', 'docs/performance.md', 'examples/README.md']),
  );
});

test.each(documents)('links of %s lead somewhere', (file) => {
  const links = [...text(file).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
  const broken = links.filter((link) => {
    if (/^https?:/.test(link)) return false;
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? file : normalize(join(dirname(file), path));
    if (!existsSync(join(root, target))) return true;
    return anchor !== undefined && !anchorsOf(target).includes(anchor);
  });
  expect(broken).toEqual([]);
});

/** Folders of the repository: code that begins with one of them is a path. */
const FOLDERS = /^(packages|shaders|bench|test|docs|examples|scripts)\//;
/** Names of files that a reader is to make, or that are made while something runs. */
const NOT_OURS = /^(\.|my-)/;
/** The log of changes names what there was. */
const described = documents.filter((file) => file !== 'CHANGELOG.md');

test.each(described)('paths that %s names are there', (file) => {
  const missing = codeOf(file).inline.filter((code) => {
    if (!/^[\w./-]+$/.test(code) || NOT_OURS.test(code)) return false;
    if (FOLDERS.test(code)) return !existsSync(join(root, code));
    // The end of a path, such as `kernels/choose.ts`.
    return (
      /\.(ts|mjs|wgsl)$/.test(code) && !files.some((known) => known === code || known.endsWith(`/${code}`))
    );
  });
  expect(missing).toEqual([]);
});

/** The flags of a program of this repository, from its help or, where it has none, from its own source. */
async function flagsOf(program: string, subcommand: string): Promise<ReadonlySet<string>> {
  if (program === 'bench') {
    const own = benchmarks.flatMap(({ options = {} }) => Object.keys(options));
    return new Set(['--json', '--no-save', '--help', ...own.map((name) => `--${name}`)]);
  }
  if (program === 'forger') {
    const written: string[] = [];
    const spy = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => written.push(`${chunk}`) > 0);
    try {
      expect(await run(subcommand === '' ? ['--help'] : [subcommand, '--help'])).toBe(0);
    } finally {
      spy.mockRestore();
    }
    return new Set(written.join('').match(/--[a-z][\w-]*/g));
  }
  const main = { 'gpu-check': 'bench/gpu-check/main.ts' }[program] ?? `test/${program}/main.ts`;
  const source = text(main);
  const options = [...source.matchAll(/'?([a-z][a-z-]*)'?: (?:text|flag|\{ type: )/g)].map(
    ([, name]) => `--${name}`,
  );
  return new Set([...(source.match(/--[a-z][\w-]*/g) ?? []), ...options]);
}

/** The name, the subcommand (empty if there is none) and the flags in a line that starts one of our programs. */
function command(line: string): { program: string; subcommand: string; flags: string[] } | undefined {
  const typed = line
    .replace(/\s#.*$/, '')
    .replace(/^(?:[A-Z_]+=\S+ )+/, '')
    .trim();
  const [, by, name] =
    /^((?:pnpm|npm run) )?(forger|train|quickstart|bench|verify|golden|fuzz|torture|gpu-check)(?![\w:-])/.exec(
      typed,
    ) ?? [];
  if (name === undefined || (by === undefined && name !== 'forger')) return undefined;
  const flags = typed.match(/(?<=[\s[])--[a-z][\w-]*/g) ?? [];
  if (name === 'train' || name === 'quickstart') return { program: 'forger', subcommand: 'train', flags };
  const subcommand = /^(?:(?:pnpm|npm run) )?forger (?:-- )?([a-z]+)/.exec(typed)?.[1] ?? '';
  return { program: name, subcommand, flags };
}

describe('flags', () => {
  test('of a command line are found', () => {
    expect(command('LP_NATIVE_VECTOR_WIDTH=512 pnpm train --seed 1  # --no')).toEqual({
      program: 'forger',
      subcommand: 'train',
      flags: ['--seed'],
    });
    expect(command('pnpm verify [--cases N]')?.flags).toEqual(['--cases']);
    expect(command('train_dcgan.py --gpu')).toBeUndefined();
  });

  test.each(documents)('that commands of %s name are known', async (file) => {
    const { fenced, inline } = codeOf(file);
    const unknown: string[] = [];
    for (const line of [...fenced, ...inline]) {
      const typed = command(line);
      if (!typed || typed.flags.length === 0) continue;
      const { program, subcommand, flags } = typed;
      const known = await flagsOf(program, subcommand);
      unknown.push(...flags.filter((flag) => !known.has(flag)).map((flag) => `${flag} in: ${line}`));
    }
    expect(unknown).toEqual([]);
  });

  test('that recipes take in place of the originals’ are known', async () => {
    const known = new Set([...(await flagsOf('forger', 'train')), ...(await flagsOf('forger', 'sample'))]);
    const cells = [...text('docs/recipes.md').matchAll(/^\|.*\| (.*) \|$/gm)].map(([, cell]) => cell!);
    const flags = cells.flatMap((cell) => cell.match(/(?<=[\s`])--[a-z][\w-]*/g) ?? []);
    expect(flags.length).toBeGreaterThan(20);
    expect(flags.filter((flag) => !known.has(flag))).toEqual([]);
  });
});
