// @forger/nn must bundle for a browser with nothing of Node in it; on @forger/tensor alone, see that package's test.
import { expect, it } from 'vitest';
import { bundle, FOR_BROWSER, FOR_NODE } from '../../../test/support/bundle.ts';

it('bundles for a browser with @forger/tensor and nothing else', async () => {
  const { inputs, imports, text } = await bundle("export * from '@forger/nn';", FOR_BROWSER);
  expect(inputs).toContain('packages/nn/src/index.ts');
  expect(inputs).toContain('packages/tensor/src/index.browser.ts');
  expect(inputs.filter((path) => !/^(<stdin>|packages\/(nn|tensor)\/src\/.*)$/.test(path))).toEqual([]);
  expect(inputs.filter((path) => path.endsWith('platform-node.ts'))).toEqual([]);
  expect(imports).toEqual([]);
  expect(text).not.toMatch(FOR_NODE);
});
