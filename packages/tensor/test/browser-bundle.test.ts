// The browser entry must bundle with nothing of Node in it. A static check: what runs in a browser is tested elsewhere.
import { type BuildOptions, build } from 'esbuild';
import { describe, expect, it } from 'vitest';

/** What only Node has, should it stand in the text without being imported. */
const forNode = /node:|\brequire\s*\(|\bprocess\.|\bBuffer\./;

async function bundle(options: BuildOptions) {
  const { metafile, outputFiles } = await build({
    stdin: { contents: "export * from '@forger/tensor';", resolveDir: import.meta.dirname },
    bundle: true,
    format: 'esm',
    write: false,
    metafile: true,
    logLevel: 'silent',
    ...options,
  });
  return {
    text: outputFiles![0]!.text,
    inputs: Object.keys(metafile!.inputs),
    /** Modules that the bundle would still load when it runs. */
    imports: Object.values(metafile!.outputs).flatMap((output) => output.imports.map(({ path }) => path)),
  };
}

describe('the browser entry', () => {
  it('bundles by itself, with no Node module and no webgpu package', async () => {
    const { text, inputs, imports } = await bundle({
      platform: 'browser',
      conditions: ['browser', '@forger/source'],
    });
    expect(inputs.some((path) => path.endsWith('src/index.browser.ts'))).toBe(true);
    expect(
      inputs.filter((path) => path.includes('node_modules') || path.endsWith('platform-node.ts')),
    ).toEqual([]);
    expect(imports).toEqual([]);
    expect(text).not.toMatch(forNode);
    for (const part of ['navigator', 'createDevice', 'readSafetensors', '@compute'])
      expect(text).toContain(part);
  });

  it('differs from the Node entry, where the same checks find Node', async () => {
    const { text, inputs, imports } = await bundle({
      platform: 'node',
      conditions: ['@forger/source'],
      external: ['webgpu'],
    });
    expect(inputs.some((path) => path.endsWith('platform-node.ts'))).toBe(true);
    expect(imports).toEqual(expect.arrayContaining(['webgpu', 'node:fs']));
    expect(text).toMatch(forNode);
  });
});
