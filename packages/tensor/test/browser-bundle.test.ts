// The browser entry must bundle with nothing of Node in it. A static check: what runs in a browser is tested elsewhere.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { describe, expect, it } from 'vitest';

/** What only Node has, should it stand in the text without being imported. */
const forNode = /node:|\brequire\s*\(|\bprocess\.|\bBuffer\./;

async function bundle(options: BuildOptions, contents = "export * from '@forger/tensor';") {
  const { metafile, outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
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
    graph: metafile!.inputs,
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

  it('keeps the chaining methods: package.json names every file that leads to them', async () => {
    // Bundlers may leave out a file without side effects, and with it what only that file imports.
    const { graph } = await bundle({ platform: 'browser', conditions: ['browser', '@forger/source'] });
    const leading = new Set(Object.keys(graph).filter((path) => path.endsWith('src/methods.ts')));
    for (const path of leading) {
      for (const [importer, { imports }] of Object.entries(graph))
        if (imports.some((one) => one.path === path)) leading.add(importer);
    }
    const names = [...leading].flatMap((path) => /src\/(.*)\.ts$/.exec(path)?.[1] ?? []);
    expect(names).toContain('index.browser');
    const { sideEffects } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'));
    for (const name of names)
      expect(sideEffects).toEqual(expect.arrayContaining([`./src/${name}.ts`, `./dist/${name}.js`]));
  });

  it('bundles beside the internal entry with every module once, and still nothing of Node', async () => {
    const options: BuildOptions = { platform: 'browser', conditions: ['browser', '@forger/source'] };
    const alone = await bundle(options);
    const both = await bundle(
      options,
      "export * from '@forger/tensor'; export * as internal from '@forger/tensor/internal';",
    );
    const added = both.inputs.filter((path) => !alone.inputs.includes(path));
    expect(added).toContain('packages/tensor/src/internal.ts');
    expect(both.inputs.filter((path) => path.endsWith('src/tensor.ts'))).toHaveLength(1);
    expect(both.imports).toEqual([]);
    expect(both.text).not.toMatch(forNode);
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
