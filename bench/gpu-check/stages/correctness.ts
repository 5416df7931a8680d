// Stage 2: what tests hold on a software adapter, on this one: golden cases, every algorithm at tile edges
// beside the plain one, and the bits of a step however it is run.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Device } from '@forger/tensor';
import { variantsOf } from '../../../test/verify/variants.ts';
import { checkAgainstFloat64 } from '../against-float64.ts';
import { firstDifference, trace } from '../bits.ts';
import { EdgeCase, edges } from '../edges.ts';
import {
  type AlgorithmName,
  algorithmsOf,
  allowedDifference,
  goldenFamily,
  plainAlgorithm,
} from '../forger.ts';
import { messageOf, type StageContext } from '../stage.ts';
import { flopOf, stepCases } from '../step-cases.ts';
import { roughSeconds } from '../timing.ts';

/** A selection of the golden cases, which comes with the repository; its README says where from. */
export const ownGolden = fileURLToPath(new URL('../reference/golden', import.meta.url));

/** Golden cases, their products by the rules or on one algorithm. @returns how many cases. */
export async function golden(
  context: StageContext,
  device: Device,
  folder: string,
  algorithm: AlgorithmName | null = null,
): Promise<number> {
  let count = 0;
  const files = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));
  for (const name of files.sort()) {
    if (algorithm !== null && !/^(conv|linear|matmul)/.test(name)) continue;
    const { family, cases, worst, allowed, failures } = await goldenFamily(
      device,
      join(folder, name),
      algorithm,
    );
    count += cases;
    context.check(
      `golden ${family}${algorithm ? ` on ${algorithm}` : ''}`,
      failures.length === 0,
      failures[0] ?? `${cases} cases, worst ${worst.error.toExponential(1)} of ${allowed.toExponential(1)}`,
      { failures },
    );
  }
  return count;
}

/** Of each product by each algorithm. */
const RANDOM_CALLS = 8;

/** One algorithm at every edge. */
async function atEdges(
  context: StageContext,
  device: Device,
  cases: readonly EdgeCase[],
  algorithm: AlgorithmName,
): Promise<void> {
  let worst = { share: 0, name: '', difference: 0 };
  let served = 0;
  const wrong: string[] = [];
  let longest = 0;
  for (const one of cases) {
    if (context.left() < longest) {
      context.note(
        `No time was left for the ${algorithm} algorithm at ${one.edge.name} and what comes after it.`,
      );
      break;
    }
    const before = context.left();
    try {
      const found = await one.on(device, algorithm);
      const allowed = allowedDifference(algorithm, one.edge.terms);
      if (found.served) served++;
      const share = found.difference / allowed;
      if (!(share <= worst.share)) worst = { share, name: one.edge.name, difference: found.difference };
      if (!(found.difference <= allowed))
        wrong.push(`${one.edge.name} differs by ${found.difference.toExponential(1)}`);
    } catch (error) {
      wrong.push(`${one.edge.name}: ${messageOf(error)}`);
      device.throwIfFailed();
    }
    longest = Math.max(longest, before - context.left());
  }
  context.check(
    `${algorithm} at tile edges`,
    wrong.length === 0 && served > 0,
    wrong[0] ??
      (served === 0
        ? 'none of its kernels took part'
        : `${served} products and their gradients, worst ${worst.difference.toExponential(1)} (${(100 * worst.share).toFixed(0)}% of what is allowed): ${worst.name}`),
    { wrong, served },
  );
}

/** @returns how many algorithms were tried. */
async function algorithms(context: StageContext): Promise<number> {
  let count = 0;
  const names: AlgorithmName[] = [];
  const cases: EdgeCase[] = [];
  await context.attempt('the plain algorithm at tile edges', { halfMatrices: true }, async (device) => {
    let longest = 0;
    for (const edge of edges) {
      const before = context.left();
      if (before < 2 * longest) {
        context.note(`No time was left for ${edge.name} and the edges after it.`);
        break;
      }
      cases.push(await EdgeCase.open(device, edge));
      longest = Math.max(longest, before - context.left());
    }
    names.push(...algorithmsOf(device));
  });
  for (const algorithm of names) {
    if (context.left() < 3) {
      context.note(`No time was left for the algorithms ${names.slice(count).join(', ')} at tile edges.`);
      break;
    }
    // A device each: one that an invalid kernel has broken serves nothing any more.
    await context.attempt(`${algorithm} at tile edges`, { halfMatrices: true }, (device) =>
      atEdges(context, device, cases, algorithm),
    );
    count++;
  }
  return count;
}

/** Steps of three traces. */
const TRACED_STEPS = 9;

async function bits(context: StageContext): Promise<void> {
  for (const one of [stepCases.A, stepCases.C]) {
    const name = `${one.size}×${one.size}, width ${one.width}`;
    const began = context.left();
    if (began < 0) {
      context.note(`No time was left for the bits of a step of ${name}.`);
      continue;
    }
    await context.attempt(`bits of ${name}`, {}, async (device) => {
      if ((await roughSeconds(device, TRACED_STEPS * flopOf(device, one))) > began) {
        context.note(`No time was left for the bits of a step of ${name}: this adapter is slow.`);
        return;
      }
      const eager = await trace(device, one, true);
      const replayed = await trace(device, one, false);
      const apart = firstDifference(eager, replayed);
      context.check(
        `eager = captured = replayed, ${name}`,
        apart === null,
        apart === null ? 'the same bits in all arrays and losses over 3 steps' : `${apart} differs`,
      );
      await context.attempt(`bits of ${name} on another device`, {}, async (other) => {
        const again = firstDifference(replayed, await trace(other, one, false));
        context.check(
          `run again, ${name}`,
          again === null,
          again === null ? 'the same bits' : `${again} differs`,
        );
      });
    });
    // The second is some five times the work of the first.
    if (context.left() < 5 * (began - context.left())) {
      context.note('No time was left for the bits of a step of 64×64, width 64.');
      break;
    }
  }
}

/** Random calls of the products on every algorithm against float64, as many as there is time for. */
async function random(context: StageContext): Promise<number> {
  let calls = 0;
  if (context.left() < 3) {
    context.note('No time was left for random products against float64.');
    return calls;
  }
  let longest = 0;
  await context.attempt('random products', { halfMatrices: true }, async (device) => {
    for (const algorithm of [...algorithmsOf(device), plainAlgorithm]) {
      for (const op of ['conv2d', 'convTranspose2d', 'matmul'] as const) {
        if (!variantsOf(op).includes(algorithm)) continue;
        const before = context.left();
        if (before < Math.max(3, longest)) {
          context.note(`No time was left for random products on ${algorithm} and what comes after it.`);
          return;
        }
        const name = `${op} on ${algorithm} against float64`;
        const { cases } = await checkAgainstFloat64(context, device, {
          op,
          variant: algorithm,
          count: RANDOM_CALLS,
          name,
        });
        calls += cases;
        longest = Math.max(longest, before - context.left());
      }
    }
  });
  return calls;
}

export async function correctness(context: StageContext): Promise<void> {
  const folder = context.options.golden ?? ownGolden;
  let cases = 0;
  await context.attempt('golden cases', {}, async (device) => {
    cases = await golden(context, device, folder);
  });
  if (folder === ownGolden)
    context.note(
      'The golden cases are the selection of bench/gpu-check/reference, since ../shared/golden is not there.',
    );
  const summary = [`${cases} golden cases`];
  context.headline(summary.join(', '));
  await bits(context);
  summary.push(`${await algorithms(context)} algorithms at ${edges.length} edges`);
  context.headline(summary.join(', '));
  summary.push(`${await random(context)} random products`);
  context.headline(summary.join(', '));
}
