// `forger convert`: weights from one format to another.

import { type ConvertOptions, convert } from '../weights/convert.ts';
import { remark, say } from './print.ts';

/** @returns the exit code. @throws ForgerError */
export async function runConvert(from: string, to: string, flags: ConvertOptions): Promise<number> {
  const { recipe, network, tensors, notes } = await convert(from, to, flags);
  for (const note of notes) remark(note);
  say(`${to}: the ${network} of recipe ${recipe}, ${tensors} tensors`);
  return 0;
}
