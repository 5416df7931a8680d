// Random calls of an operation against float64 (test/verify), as a check.
import type { Device } from '@forger/tensor';
import type { ReferenceOpName } from '../../test/reference/index.ts';
import { type Outcome, verify } from '../../test/verify/run.ts';
import type { Variant } from '../../test/verify/variants.ts';
import type { StageContext } from './stage.ts';

const inWords = ({ worst }: Outcome): string => `${worst.what}; ${worst.at}`;

/**
 * What becomes of NaN and infinity is told, but is not wrong: "Implementations may assume that overflow,
 * infinities, and NaNs are not present during shader execution" (WGSL,
 * https://www.w3.org/TR/WGSL/#differences-from-ieee754).
 * @returns calls, and whether all of ordinary numbers were right.
 */
export async function checkAgainstFloat64(
  context: StageContext,
  device: Device,
  { op, variant, count, name }: { op: ReferenceOpName; variant: Variant; count: number; name: string },
): Promise<{ cases: number; ok: boolean }> {
  const { cases, wrong, worst } = await verify(device, op, variant, { seed: 1, first: 0, count });
  const special = wrong.filter((one) => one.case.kind === 'special');
  const ordinary = wrong.filter((one) => one.case.kind !== 'special');
  if (special.length > 0)
    context.note(
      `${name}: NaN or infinity end otherwise than in float64 in ${special.length} of ${cases} calls, as WGSL allows: ${inWords(special[0]!)}.`,
    );
  const units =
    wrong.length === 0 && worst
      ? `, worst ${worst.worst.units.toFixed(1)} of ${worst.worst.allowed.toFixed(1)} units of roundoff`
      : '';
  const ok = context.check(
    name,
    ordinary.length === 0,
    ordinary.length === 0
      ? `${cases} calls${units}`
      : `${ordinary.length} of ${cases} calls wrong: ${inWords(ordinary[0]!)}`,
    { wrong: ordinary.map(inWords) },
  );
  return { cases, ok };
}
