import { defineConfig } from 'vitest/config';
import { embedShaders } from './scripts/embed-shaders.mjs';

embedShaders();

export default defineConfig({
  resolve: { conditions: ['@forger/source'] },
  ssr: { resolve: { conditions: ['@forger/source'] } },
  test: {
    include: ['test/**/*.test.ts', 'packages/*/test/**/*.test.ts'],
    setupFiles: ['test/variant-setup.ts'],
    // One process per file; files run one after another because they share one adapter.
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
