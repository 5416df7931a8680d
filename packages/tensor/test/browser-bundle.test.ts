// The browser entry must bundle with nothing of Node in it. A static check: what runs in a browser is tested elsewhere.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bundle, FOR_BROWSER, FOR_NODE } from '../../../test/support/bundle.ts';

const ALL = "export * from '@forger/tensor';";

describe('the browser entry', () => {
  it('bundles by itself, with no Node module and no webgpu package', async () => {
    const { text, inputs, imports } = await bundle(ALL, FOR_BROWSER);
    expect(inputs.some((path) => path.endsWith('src/index.browser.ts'))).toBe(true);
    expect(
      inputs.filter((path) => path.includes('node_modules') || path.endsWith('platform-node.ts')),
    ).toEqual([]);
    expect(imports).toEqual([]);
    expect(text).not.toMatch(FOR_NODE);
    for (const part of ['navigator', 'createDevice', 'readSafetensors', '@compute'])
      expect(text).toContain(part);
  });

  it('keeps the chaining methods: package.json names every file that leads to them', async () => {
    // Bundlers may leave out a file without side effects, and with it what only that file imports.
    const { graph } = await bundle(ALL, FOR_BROWSER);
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
    const alone = await bundle(ALL, FOR_BROWSER);
    const both = await bundle(`${ALL} export * as internal from '@forger/tensor/internal';`, FOR_BROWSER);
    const added = both.inputs.filter((path) => !alone.inputs.includes(path));
    expect(added).toContain('packages/tensor/src/internal.ts');
    expect(both.inputs.filter((path) => path.endsWith('src/tensor.ts'))).toHaveLength(1);
    expect(both.imports).toEqual([]);
    expect(both.text).not.toMatch(FOR_NODE);
  });

  it('has the WGSL of operations without its comments, and what measures an adapter only where it is used', async () => {
    const { text } = await bundle("export { add, createDevice } from '@forger/tensor';", FOR_BROWSER);
    expect(text).toContain('fn sigmoid(x: f32)');
    expect(text).not.toContain('// 1 / (1 + e^-x)');
    expect(text).not.toContain('struct Params { rounds: u32');
    expect((await bundle(ALL, FOR_BROWSER)).text).toContain('struct Params { rounds: u32');
  });

  it('differs from the Node entry, where the same checks find Node', async () => {
    const { text, inputs, imports } = await bundle(ALL, {
      platform: 'node',
      conditions: ['@forger/source'],
      external: ['webgpu'],
    });
    expect(inputs.some((path) => path.endsWith('platform-node.ts'))).toBe(true);
    expect(imports).toEqual(expect.arrayContaining(['webgpu', 'node:fs']));
    expect(text).toMatch(FOR_NODE);
  });
});
