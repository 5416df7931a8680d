// `pnpm bench [kernels|step] [--json] …`: throughput of the kernels and of a whole training step.
import { parseArgs } from 'node:util';
import { createDevice, type Device, ForgerError } from '@forger/tensor';
import { type Ceilings, measureCeilings } from './ceilings.ts';
import { benchProducts, benchStreams, type KernelResult } from './kernels.ts';
import { writeResult } from './results.ts';
import { benchStep, type StepOptions } from './step.ts';

const usage = `Usage: pnpm bench [kernels | step] [options]
  kernels   each kernel at a DCGAN's shapes: GFLOP/s or GB/s, share of the ceiling measured in this run, naive variant beside it
  step      a full DCGAN training step: --size 32 --width 32 --channels 1 --batch 64 [--steps 10]
  With neither, both run.
  --json      print the results as JSON     --no-save   write nothing under bench/results/`;

const { values, positionals } = (() => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        size: { type: 'string', default: '32' },
        width: { type: 'string', default: '32' },
        channels: { type: 'string', default: '1' },
        batch: { type: 'string', default: '64' },
        steps: { type: 'string', default: '10' },
        json: { type: 'boolean', default: false },
        'no-save': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
})();

function whole(name: 'size' | 'width' | 'channels' | 'batch' | 'steps'): number {
  const n = Number(values[name]);
  if (Number.isInteger(n) && n >= 1) return n;
  console.error(`--${name} ${values[name]}: expected a whole number of at least 1.`);
  process.exit(2);
}

const print = (line: string): void => {
  if (!values.json) console.log(line);
};

async function kernels(device: Device, ceilings: Ceilings): Promise<KernelResult[]> {
  const results: KernelResult[] = [];
  const row = (cells: string[]): string =>
    [
      cells[0]!.padEnd(24),
      cells[1]!.padEnd(34),
      cells[2]!.padEnd(9),
      ...cells.slice(3).map((c) => c.padStart(13)),
    ].join(' ');
  print(row(['kernel', 'shape', 'variant', 'ms', 'rate', 'of ceiling', 'error']));
  const report = (r: KernelResult): void => {
    results.push(r);
    print(
      row([
        r.kernel,
        r.shape,
        r.variant,
        r.milliseconds.toFixed(2),
        `${r.rate.toFixed(2)} ${r.unit}`,
        `${(100 * r.shareOfCeiling).toFixed(1)}%`,
        r.error === null ? '' : r.error.toExponential(1),
      ]),
    );
  };
  await benchProducts(device, ceilings, report);
  await benchStreams(device, ceilings, report);
  return results;
}

async function step(device: Device, options: StepOptions): Promise<object> {
  const result = await benchStep(device, options);
  print(
    `step ${options.size}×${options.size}, width ${options.width}, ${options.channels} channel(s), batch ${options.batch}: ` +
      `${result.milliseconds.toFixed(1)} ms (${result.spread.map((t) => t.toFixed(1)).join(' to ')}), ${result.imagesPerSecond.toFixed(1)} images/s, ${result.gflops.toFixed(2)} GFLOP/s; first step ${result.firstStepMilliseconds.toFixed(0)} ms`,
  );
  return result;
}

const known = ['kernels', 'step'];
const chosen = positionals.length > 0 ? positionals : known;
const unknown = chosen.filter((name) => !known.includes(name));
if (values.help || unknown.length > 0) {
  (values.help ? console.log : console.error)(
    unknown.length > 0 ? `Unknown benchmark: ${unknown.join(', ')}.\n${usage}` : usage,
  );
  process.exit(values.help ? 0 : 2);
}

const options: StepOptions = {
  size: whole('size'),
  width: whole('width'),
  channels: whole('channels'),
  batch: whole('batch'),
  steps: whole('steps'),
};
let device: Device | undefined;
try {
  device = await createDevice();
  print(`adapter: ${device.adapter.description || device.adapter.device}`);
  const ceilings = await measureCeilings(device);
  print(
    `ceilings in this run: ${ceilings.gflops.toFixed(1)} GFLOP/s in registers, ${ceilings.gbs.toFixed(2)} GB/s copying\n`,
  );
  const all: Record<string, unknown> = { ceilings };
  for (const name of chosen) {
    const result =
      name === 'kernels'
        ? { kernels: await kernels(device, ceilings) }
        : { step: await step(device, options) };
    Object.assign(all, result);
    if (!values['no-save']) print(`saved ${writeResult(name, device, { ceilings, ...result })}\n`);
  }
  if (values.json) console.log(JSON.stringify(all, null, 2));
} catch (error) {
  if (!(error instanceof ForgerError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
} finally {
  device?.destroy();
}
