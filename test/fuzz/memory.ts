// How large this process is, and was at most. Linux alone can forget the largest size so far, so only there a single
// case is measured.

import { readFileSync, writeFileSync } from 'node:fs';

const STATUS = '/proc/self/status';
const LARGE = 256 * 2 ** 20;

/** Begins to measure anew. @returns the size now, in bytes; undefined where that cannot be told. */
export function resetPeak(): number | undefined {
  try {
    // What making the case left behind could be given back while it is read, and hide what that takes.
    if (field('VmRSS') > LARGE) globalThis.gc?.();
    writeFileSync('/proc/self/clear_refs', '5');
    return field('VmRSS');
  } catch {
    return undefined;
  }
}

/** The largest size since `resetPeak`, or of all time, in bytes. */
export function memory(): { peak: number } {
  try {
    return { peak: field('VmHWM') };
  } catch {
    return { peak: process.resourceUsage().maxRSS * 1024 };
  }
}

function field(name: string): number {
  const [, kilobytes] = new RegExp(`${name}:\\s*(\\d+) kB`).exec(readFileSync(STATUS, 'utf8')) ?? [];
  if (kilobytes === undefined) throw new Error(`${STATUS} has no ${name}`);
  return Number(kilobytes) * 1024;
}
