// What went wrong in a run, in words and with the flags that may help: what the diagnosis wrote down while
// training, and of runs from before it, what their metrics alone tell.

import { type AnyTask, Diagnosis, type DiagnosisEvent, type FindingKind } from '@forger/dcgan';
import type { MetricsLine } from '../train/metrics-log.ts';

/** A finding, and when it was over. */
export interface Finding extends DiagnosisEvent {
  readonly overAt?: number;
}

/** Flags of `forger train` for what a finding advises. */
const FLAGS: Readonly<Record<FindingKind, string>> = {
  'few-images': '--data, --width, --keep-best',
  'discriminator-won': '--d-lr, --label-smoothing 0.1, --noise 0.1, --spectral-norm, --loss hinge',
  'discriminator-lost': '--d-lr, --n-dis 2, --width',
  oscillation: '--lr, --ema 0.999, --spectral-norm',
  collapse: '--g-lr, --n-dis 2, --loss hinge, --spectral-norm, --seed',
  memorisation: '--data, --width, --keep-best',
  exploding: '--lr, --on-nan rollback, --spectral-norm',
};

/** Each kind of finding once, the latest of it, in the order in which they began. */
export function findingsOf(
  written: readonly DiagnosisEvent[],
  metrics: readonly MetricsLine[],
  task: Pick<AnyTask, 'metrics'>,
): Finding[] {
  const events = written.length > 0 ? written : ofMetrics(metrics, task);
  const kinds = [...new Set(events.map(({ kind }) => kind))];
  return kinds.map((kind) => {
    const own = events.filter((event) => event.kind === kind);
    const began = own.findLast(({ state }) => state === 'began') ?? own[0]!;
    const over = own.at(-1)!;
    return { ...began, ...(over.state === 'over' && { overAt: over.step }) };
  });
}

/** What the diagnosis would have said while training, of the metrics alone. */
function ofMetrics(metrics: readonly MetricsLine[], task: Pick<AnyTask, 'metrics'>): DiagnosisEvent[] {
  const diagnosis = new Diagnosis({ unit: task.metrics?.dReal?.unit });
  return metrics.flatMap(({ step, metrics: values }) => diagnosis.metrics(step, values));
}

/** When, by what evidence, what to try and with which flags. */
export function findingText({ step, overAt, evidence, advice, kind }: Finding): string {
  const when =
    overAt === undefined
      ? `Since step ${count(step)}.`
      : `From step ${count(step)}, and over by step ${count(overAt)}.`;
  return `${when} ${evidence} What to try: ${advice} ${flagsOf(kind)}`;
}

/** `Flags: --d-lr, …`. */
export function flagsOf(kind: FindingKind): string {
  return `Flags: ${FLAGS[kind]}.`;
}

function count(n: number): string {
  return n.toLocaleString('en');
}
