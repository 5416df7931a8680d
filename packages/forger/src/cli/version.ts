// The version of this package.

import { createRequire } from 'node:module';

/** The version that package.json gives; src/ and dist/ lie equally deep below it. */
export const version: string = createRequire(import.meta.url)('../../package.json').version;
