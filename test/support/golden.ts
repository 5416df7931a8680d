// PyTorch's golden cases of single operations, for tests; none where this checkout has no golden files beside
// it.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type GoldenCase, goldenCases } from '../golden/cases.ts';
import type { ReferenceOpName } from '../reference/index.ts';

const folder = fileURLToPath(new URL('../../../shared/golden/ops', import.meta.url));

/** Cases that PyTorch computed in float64, of the operations named; empty where the folder is absent. */
export function goldenFor(...ops: ReferenceOpName[]): GoldenCase[] {
  return existsSync(folder) ? [...goldenCases(folder, ops)] : [];
}
