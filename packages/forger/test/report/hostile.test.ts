// Names from outside in the report and the drawing: read by a real HTML parser, a run with hostile names gives the same
// elements and attributes as one with harmless names.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DefaultTreeAdapterTypes, parse, parseFragment } from 'parse5';
import { describe, expect, test } from 'vitest';
import { printable } from '../../../dcgan/src/printable.ts';
import { writeGrid } from '../../src/report/grid.ts';
import { writeReports } from '../../src/report/report.ts';
import type { TrainConfig } from '../../src/train/config.ts';
import { RunFolder } from '../../src/train/run-folder.ts';
import { emptyFolder } from '../cli/folders.ts';
import { config, metrics } from '../cli/settings.ts';
import { sharp } from './pictures.ts';

type Node = DefaultTreeAdapterTypes.Node;

const HOSTILE = [
  '<script>alert(1)<\u2215script>',
  '"><img src=x onerror=alert(1)>',
  "' onload='alert(1)' x='",
  '<!-- --><svg onload=alert(1)>',
  ']]><x>&amp;&#60;b&#62;',
  'javascript:alert(1)',
  'a\nb\rc\td\x1b[2J\u202e',
  '\\u003cscript\\u003e',
];
/** Folders cannot have a slash in their names; settings can. */
const SLASHED = ['</title></svg></style></table><script>alert(1)</script>', '--></p><iframe src="//x">'];

/** Every element with its attributes; of those whose text may vary, the names alone. */
function structure(node: Node): string[] {
  const own =
    'tagName' in node
      ? [
          `${node.tagName} ${node.attrs.map(({ name, value }) => (name === 'alt' ? name : `${name}=${value}`)).join(' ')}`,
        ]
      : [];
  return 'childNodes' in node ? [...own, ...node.childNodes.flatMap(structure)] : own;
}

function texts(node: Node): string {
  return 'value' in node ? node.value : 'childNodes' in node ? node.childNodes.map(texts).join(' ') : '';
}

/** The page and the drawing of a run, in a folder of this name, with these words for data, recipe and device. */
async function reports(folder: string, word: string): Promise<{ page: string; svg: string }> {
  const settings: TrainConfig = { ...config, recipe: word, data: word, background: word, dataDir: word };
  const run = await RunFolder.create(settings, { out: join(emptyFolder(), folder) });
  for (let step = 1; step <= 20; step++) run.appendMetrics(metrics(step));
  const grid = { count: 4, channels: 1, height: 8, width: 8, range: [0, 80] as const };
  await writeGrid(run.samplePath(10), new Float32Array(256).fill(10), grid);
  const { html, losses } = await writeReports(run, [
    ['device', word],
    [word, 'x'],
  ]);
  run.close();
  return { page: readFileSync(html, 'utf8'), svg: readFileSync(losses, 'utf8') };
}

describe('hostile names', async () => {
  const harmless = await reports('run', 'word');
  const wanted = {
    page: structure(parse(harmless.page)),
    svg: structure(parseFragment(harmless.svg)),
  };

  test('(what they are compared with has the elements that are meant)', () => {
    for (const tag of ['html', 'h1', 'svg', 'img', 'table', 'meta'])
      expect(wanted.page.some((element) => element.startsWith(`${tag} `))).toBe(true);
    expect(wanted.page.some((element) => element.startsWith('script'))).toBe(false);
  });

  test.each([...HOSTILE, ...SLASHED])('%j adds no element and no attribute', async (word) => {
    const { page, svg } = await reports(HOSTILE.includes(word) ? word : 'run', word);
    const document = parse(page);
    expect(structure(document)).toEqual(wanted.page);
    expect(structure(parseFragment(svg))).toEqual(wanted.svg);
    // As text it is all there, but for what no page can hold.
    const shown = word.replace('\x1b', '\ufffd').replace('\u202e', '\ufffd').replace(/\r/g, '\n');
    expect(texts(document)).toContain(shown);
    expect((await sharp(Buffer.from(svg)).metadata()).format).toBe('svg'); // well-formed XML
  });

  test('characters that XML does not allow are replaced in the drawing', async () => {
    const { svg } = await reports('a\uffffb', 'x');
    expect((await sharp(Buffer.from(svg)).metadata()).format).toBe('svg');
    expect(svg).toContain('a\ufffdb');
  });
});

test('the page allows itself nothing but its own style and pictures inside it', async () => {
  const { page } = await reports('run', 'word');
  const head = structure(parse(page)).find((element) => element.includes('Content-Security-Policy'));
  expect(head).toMatch(
    /^meta http-equiv=Content-Security-Policy content=default-src 'none'; img-src data:; style-src 'sha256-[\w+/]{43}='; base-uri 'none'; form-action 'none'$/,
  );
  expect(page).not.toMatch(/\sstyle=/); // the policy would not apply it
});

test('what is printed holds no command to the terminal', () => {
  expect(printable('a\x1b[2Jb\x07\u009b1m\u202egnp\n\ud800é🔨')).toBe(
    'a\\u001b[2Jb\\u0007\\u009b1m\\u202egnp\\u000a\\ud800é🔨',
  );
});
