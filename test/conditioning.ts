/**
 * How exact a float32 result can be, whatever computes it.
 *
 * An input that float32 has rounded is off by up to u = 2⁻²⁴ of itself, and so is every value on the way. A result of
 * size |y| is then off by a few u·|y| where nothing cancels, and by a few u·|∂y/∂x·x| where it does (N. Higham,
 * "Accuracy and Stability of Numerical Algorithms", 2002, section 1.6: forward error ≲ condition × backward error).
 */
import { map, type Ref } from './reference/array.ts';

/** The relative move by which derivatives are taken: small beside any distance from a kink. */
export const move = 2 ** -20;

/** Pseudo-random signs (xorshift32, G. Marsaglia 2003). */
export function signs(seed: number): () => 1 | -1 {
  let state = Math.imul(seed + 1, 0x9e3779b9) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 0x10000 ? 1 : -1;
  };
}

/**
 * For each result of f, the largest |Σ ∂y/∂xᵢ·xᵢ·sᵢ| over its elements and over `directions` random choices of the
 * signs sᵢ: what relative errors of the inputs become in that result. f must be smooth around `inputs`.
 */
export function sensitivities(
  f: (inputs: readonly Ref[]) => readonly Ref[],
  inputs: readonly Ref[],
  directions = 6,
): number[] {
  const largest: number[] = [];
  for (let direction = 0; direction < directions; direction++) {
    const sign = signs(direction);
    const along = inputs.map((x) => map(x, (value) => value * sign()));
    const moved = (t: number) =>
      f(inputs.map((x, i) => map(x, (value, k) => value + t * along[i]!.data[k]!)));
    const [above, below] = [moved(move), moved(-move)];
    above.forEach((y, i) => {
      const derivatives = y.data.map((value, k) => Math.abs(value - below[i]!.data[k]!) / (2 * move));
      largest[i] = derivatives.reduce((most, derivative) => Math.max(most, derivative), largest[i] ?? 0);
    });
  }
  return largest;
}
