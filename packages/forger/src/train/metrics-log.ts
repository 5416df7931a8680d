// metrics.jsonl: one JSON object per training step, appended in small batches.

import { existsSync, readFileSync } from 'node:fs';
import type { StepMetrics } from '@forger/dcgan';
import { appendWhole, writeAtomic } from '../atomic-file.ts';

/** A line of metrics.jsonl. The time left is a guess of its moment, so it is not kept. */
export type MetricsLine = Omit<StepMetrics, 'secondsLeft'>;

/** What every line has; the other numbers of a line are the task's metrics. */
const OWN = ['step', 'epoch', 'imagesPerSecond', 'seconds'] as const;
const LINES_PER_WRITE = 50;

/** Appends to, reads and shortens one metrics.jsonl. */
export class MetricsLog {
  readonly path: string;
  #pending: string[] = [];

  constructor(path: string) {
    this.path = path;
  }

  /** Adds a line; it reaches the disk with the next `flush` or after some dozens of lines. */
  append(metrics: StepMetrics): void {
    this.#pending.push(lineOf(metrics));
    if (this.#pending.length >= LINES_PER_WRITE) this.flush();
  }

  /**
   * Writes what is in memory. @param durable also after a power cut.
   * @throws ConfigError when the file cannot be written; then it is as before, and the lines stay in memory.
   */
  flush(durable = false): void {
    if (this.#pending.length === 0 && !(durable && existsSync(this.path))) return;
    appendWhole(this.path, this.#pending.join(''), durable);
    this.#pending = [];
  }

  /** All whole lines, those not yet on the disk included. A line that a crash cut short is left out. */
  read(): MetricsLine[] {
    const text = existsSync(this.path) ? readFileSync(this.path, 'utf8') : '';
    return (text + this.#pending.join('')).split('\n').flatMap((line) => parseLine(line) ?? []);
  }

  /** Drops the lines after a step, and any torn line, so that a resumed run repeats none. */
  async truncate(lastStep: number): Promise<void> {
    const kept = this.read().filter(({ step }) => step <= lastStep);
    this.#pending = [];
    await writeAtomic(this.path, kept.map(lineOf).join(''));
  }
}

function parseLine(line: string): MetricsLine | undefined {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!Number.isSafeInteger(value?.step) || (value.step as number) < 0) return undefined;
  // JSON has no NaN: it is written as null.
  const number = (v: unknown): number => (typeof v === 'number' ? v : Number.NaN);
  const metrics = Object.entries(value).filter(
    ([name, v]) => !OWN.some((own) => own === name) && (typeof v === 'number' || v === null),
  );
  return {
    step: value.step as number,
    epoch: number(value.epoch),
    metrics: Object.fromEntries(metrics.map(([name, v]) => [name, number(v)])),
    imagesPerSecond: number(value.imagesPerSecond),
    seconds: number(value.seconds),
  };
}

/** A line of the file: one flat object, the metrics between the step's place and its times. */
function lineOf({ step, epoch, metrics, imagesPerSecond, seconds }: MetricsLine): string {
  return `${JSON.stringify({ step, epoch, ...metrics, imagesPerSecond, seconds })}\n`;
}
