// `forger convert`: weights from one format to another.

import { type ConvertOptions, convert } from '../weights/convert.ts';

/** @returns the exit code. @throws ForgerError */
export async function runConvert(from: string, to: string, flags: ConvertOptions): Promise<number> {
  const { recipe, network, tensors, notes } = await convert(from, to, flags);
  for (const note of notes) console.error(`note: ${note}`);
  console.log(`${to}: the ${network} of recipe ${recipe}, ${tensors} tensors`);
  return 0;
}
