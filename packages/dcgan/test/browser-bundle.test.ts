// @forger/dcgan must bundle for pages and workers with nothing of Node in it. What it does there is tested in
// test/browser.
import { gzipSync } from 'node:zlib';
import type { BuildOptions } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { bundle, FOR_BROWSER, FOR_NODE } from '../../../test/support/bundle.ts';

const ALL = "export * from '@forger/dcgan';";

/** The ways in which a page may load it. */
const WAYS: [string, BuildOptions][] = [
  ['a page, as a module', {}],
  ['a worker, as one classic script', { format: 'iife', globalName: 'forger' }],
];

/** The first trace of Node in a bundle's code, with what stands around it; comments may speak of a process. */
function traceOfNode(text: string): string | undefined {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '');
  const found = FOR_NODE.exec(code);
  return found ? code.slice(Math.max(0, found.index - 60), found.index + 60) : undefined;
}

describe.each(WAYS)('bundled for %s', (_, options) => {
  it('has no Node module in it', async () => {
    const { text, imports, inputs } = await bundle(ALL, { ...FOR_BROWSER, ...options });
    expect(imports).toEqual([]);
    expect(traceOfNode(text)).toBeUndefined();
    expect(inputs.filter((path) => path.includes('packages/forger') || /-node\.ts$/.test(path))).toEqual([]);
    const packages = inputs.flatMap(
      (path) => /node_modules\/((@[^/]+\/)?[^/.][^/]*)\/(?!node_modules)/.exec(path)?.[1] ?? [],
    );
    expect([...new Set(packages)].sort()).toEqual(['@noble/hashes', 'fflate']);
    expect(text).toContain('DecompressionStream');
  });
});

it('is small enough for a page', async () => {
  const options = { ...FOR_BROWSER, minify: true };
  const whole = await bundle(`${ALL} export { createDevice } from '@forger/tensor';`, options);
  const compressed = gzipSync(whole.text, { level: 9 }).length;
  // Four fifths are the tensor library and its kernels.
  expect(compressed).toBeLessThan(160_000);
  // A page that draws glyphs need not carry the kernels.
  const glyphs = await bundle("export { openGlyphs } from '@forger/dcgan';", options);
  expect(whole.text).toContain('@compute');
  expect(glyphs.text).not.toContain('@compute');
});

it('would be found out: the command, which needs Node, has it', async () => {
  const { imports, text } = await bundle("export * from '@forger/cli';", {
    platform: 'node',
    conditions: ['@forger/source'],
    external: ['webgpu', 'sharp'],
  });
  expect(imports).toContain('node:fs');
  expect(traceOfNode(text)).toBeDefined();
});
