import { defineConfig } from 'vitest/config';
import { embedShaders } from './scripts/embed-shaders.mjs';

embedShaders();

/** Tests of numbers alone, most of whose time a software adapter compiles, in one thread: two files at once. */
const numbers = [
  'packages/{tensor,nn,dcgan}/test/**/*.test.ts',
  'packages/forger/test/{report,weights}/**/*.test.ts',
  'test/{reference,verify}/**/*.test.ts',
  'test/{few-channels,gemm,golden,gradient-penalty,ops,reference,shaders,third-derivatives}.test.ts',
];

export default defineConfig({
  resolve: { conditions: ['@forger/source'] },
  ssr: { resolve: { conditions: ['@forger/source'] } },
  test: {
    setupFiles: ['test/variant-setup.ts'],
    // One process per file.
    pool: 'forks',
    testTimeout: 300_000,
    hookTimeout: 300_000,
    projects: [
      {
        extends: true,
        test: { name: 'numbers', include: numbers, maxWorkers: 2, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        // Files run one after another: they time things, start commands, fill memory.
        test: {
          name: 'programs',
          include: ['{packages/*/,}test/**/*.test.ts'],
          exclude: numbers,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
