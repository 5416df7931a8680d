// `forger evaluate`: compares images with real ones, and prints a table or JSON.

import type { EvaluationProgress } from '@forger/dcgan';
import { type EvaluateSourceOptions, evaluateSource } from '../evaluate/evaluate.ts';
import { checkNetwork } from '../evaluate/network.ts';
import { checkMetrics } from '../evaluate/values.ts';
import { UsageError } from './errors.ts';
import { evaluationLines } from './evaluation-table.ts';
import { remark, say } from './print.ts';
import { evaluatingLine } from './progress.ts';

/** The command's flags as commander parses them. */
export interface EvaluateFlags extends Omit<EvaluateSourceOptions, 'onProgress' | 'onNote'> {
  readonly json?: boolean;
}

/** @returns the exit code. @throws ForgerError, UsageError */
export async function runEvaluate(
  source: string,
  { json = false, ...options }: EvaluateFlags,
): Promise<number> {
  if (options.metrics) checkMetrics(options.metrics, UsageError);
  if (options.network !== undefined) checkNetwork(options.network, UsageError);
  const progress = new ProgressLine();
  try {
    const evaluation = await evaluateSource(source, {
      ...options,
      onProgress: (now) => progress.show(now),
      onNote: remark,
    });
    progress.clear();
    if (json) say(JSON.stringify({ source, ...evaluation }));
    else for (const line of evaluationLines(evaluation, evaluation.generated)) say(line);
  } finally {
    progress.clear();
  }
  return 0;
}

/** One line on standard error that is written over; without a terminal, a line for each stage. */
class ProgressLine {
  readonly #out = process.stderr;
  #stage = '';
  #shownAt = 0;
  #isThere = false;

  show(now: EvaluationProgress): void {
    const at = performance.now();
    if (!this.#out.isTTY) {
      if (now.stage !== this.#stage) console.error(`evaluating: ${now.stage}`);
    } else if (now.stage !== this.#stage || at - this.#shownAt > 100) {
      this.#out.write(`\r\u001b[Kevaluating: ${evaluatingLine(now)}`);
      this.#shownAt = at;
      this.#isThere = true;
    }
    this.#stage = now.stage;
  }

  clear(): void {
    if (this.#isThere) this.#out.write('\r\u001b[K');
    this.#isThere = false;
  }
}
