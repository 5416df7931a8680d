// @forger/nn must bundle for a browser with nothing of Node in it; on @forger/tensor alone, see that package's test.
import { build } from 'esbuild';
import { expect, it } from 'vitest';

/** What only Node has, should it stand in the text without being imported. */
const forNode = /node:|\brequire\s*\(|\bprocess\.|\bBuffer\./;

it('bundles for a browser with @forger/tensor and nothing else', async () => {
  const { metafile, outputFiles } = await build({
    stdin: { contents: "export * from '@forger/nn';", resolveDir: import.meta.dirname },
    platform: 'browser',
    conditions: ['browser', '@forger/source'],
    bundle: true,
    format: 'esm',
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  const inputs = Object.keys(metafile.inputs);
  expect(inputs).toContain('packages/nn/src/index.ts');
  expect(inputs).toContain('packages/tensor/src/index.browser.ts');
  expect(inputs.filter((path) => !/^(<stdin>|packages\/(nn|tensor)\/src\/.*)$/.test(path))).toEqual([]);
  expect(inputs.filter((path) => path.endsWith('platform-node.ts'))).toEqual([]);
  expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports)).toEqual([]);
  expect(outputFiles[0]!.text).not.toMatch(forNode);
});
