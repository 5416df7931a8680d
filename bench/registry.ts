// The benchmarks, by subcommand. A new one is a file that exports a Benchmark, and a line here.
import type { Benchmark } from './benchmark.ts';
import { evaluation } from './evaluation.ts';
import { kernels } from './kernels.ts';
import { memory } from './memory.ts';
import { overhead } from './overhead.ts';
import { peers } from './peers.ts';
import { profile } from './profile.ts';
import { startup } from './startup.ts';
import { step } from './step.ts';

export const benchmarks: readonly Benchmark[] = [
  kernels,
  step,
  profile,
  overhead,
  startup,
  memory,
  peers,
  evaluation,
];

/** What `pnpm bench` runs without a subcommand. */
export const defaults: readonly Benchmark[] = [kernels, step];
