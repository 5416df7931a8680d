// How a training run shows itself: a progress bar, plain lines where there is no terminal, JSON lines, or
// nearly nothing.

import { type EvaluationProgress, metricSpec, type StepMetrics } from '@forger/dcgan';
import { printable } from '@forger/dcgan/printable';
import { MultiBar, type SingleBar } from 'cli-progress';
import { duration } from '../duration.ts';
import { findValue, withError, written } from '../evaluate/values.ts';
import type { ProfileReport } from '../train/profile.ts';
import type {
  BestCheckpoint,
  Evaluated,
  Reporter,
  ReportPaths,
  StartInfo,
  TrainSummary,
} from '../train/reporter.ts';
import { commandName, shellPath } from './invocation.ts';

/** A Reporter that remembers what it was told at the start, and can be closed before the run is over. */
export interface CommandReporter extends Reporter {
  readonly info?: StartInfo;
  /** Gives the terminal back, also after an error. */
  close(): void;
}

/** Where a reporter writes: process.stdout, or a stand-in. */
export type Output = Pick<NodeJS.WriteStream, 'write' | 'isTTY'>;

const PLAIN_INTERVAL_MS = 10_000;
const BAR_UPDATES_PER_SECOND = 5;

/** The reporter for the flags given, and for what standard output is. */
export function createReporter(
  flags: { json: boolean; quiet: boolean },
  out: Output = process.stdout,
): CommandReporter {
  if (flags.json) return new JsonReporter(out);
  if (flags.quiet) return new QuietReporter(out);
  return out.isTTY ? new BarReporter(out as NodeJS.WriteStream) : new PlainReporter(out);
}

class QuietReporter implements CommandReporter {
  info?: StartInfo;
  readonly out: Output;

  constructor(out: Output) {
    this.out = out;
  }

  start(info: StartInfo): void {
    this.info = info;
  }
  step(_metrics: StepMetrics): void {}
  note(_message: string): void {}
  hook(_name: string, _value: unknown): void {}
  evaluation(_evaluated: Evaluated): void {}
  evaluating(_progress: EvaluationProgress): void {}
  sample(_path: string): void {}
  checkpoint(_path: string): void {}
  profile(_report: ProfileReport): void {}
  close(): void {}

  done(summary: TrainSummary, _reports: ReportPaths): void {
    this.print(`${ending(summary)} ${summary.run}`);
  }

  print(line: string): void {
    this.out.write(`${printable(line)}\n`);
  }
}

class PlainReporter extends QuietReporter {
  #lastLine = Number.NEGATIVE_INFINITY;

  override start(info: StartInfo): void {
    super.start(info);
    for (const line of introduction(info)) this.print(line);
  }

  override step(metrics: StepMetrics): void {
    const now = performance.now();
    if (now - this.#lastLine < PLAIN_INTERVAL_MS) return;
    this.#lastLine = now;
    this.print(`${position(metrics, this.info)}  ${measures(metrics, this.info)}`);
  }

  override note(message: string): void {
    this.print(message);
  }

  override hook(name: string, value: unknown): void {
    this.note(`${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`);
  }

  override evaluation(evaluated: Evaluated): void {
    this.note(evaluationLine(evaluated));
  }

  override profile({ steps, table, paths }: ProfileReport): void {
    const title = `Profile of ${steps} steps; all of it in ${paths.table}, as a time line for chrome://tracing in ${paths.trace}`;
    for (const line of ['', title, '', ...table, '']) this.note(line);
  }

  override done(summary: TrainSummary, reports: ReportPaths): void {
    if (summary.last)
      this.print(`${position(summary.last, this.info)}  ${measures(summary.last, this.info)}`);
    for (const line of conclusion(summary, reports)) this.print(line);
  }
}

// Two lines, so that all of it fits into 80 columns: how far, and how well.
class BarReporter extends PlainReporter {
  #bars: MultiBar | undefined;
  #progress: SingleBar | undefined;
  #measures: SingleBar | undefined;

  override start(info: StartInfo): void {
    super.start(info);
    this.#bars = new MultiBar({
      stream: this.out as NodeJS.WriteStream,
      fps: BAR_UPDATES_PER_SECOND,
      barsize: 20,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      linewrap: true, // means: leave the terminal's own setting alone
      forceRedraw: true,
    });
    this.#progress = this.#bars.create(1, 0, { text: '' }, { format: '{bar} {percentage}%  {text}' });
    this.#measures = this.#bars.create(1, 0, { text: '' }, { format: '{text}' });
  }

  override step(metrics: StepMetrics): void {
    this.#progress?.update(fractionDone(metrics, this.info), { text: position(metrics, this.info) });
    this.#measures?.update(0, { text: measures(metrics, this.info) });
  }

  override evaluating(progress: EvaluationProgress): void {
    this.#measures?.update(0, { text: `evaluating: ${evaluatingLine(progress)}` });
  }

  override note(message: string): void {
    if (this.#bars) this.#bars.log(`${printable(message)}\n`);
    else super.note(message);
  }

  override done(summary: TrainSummary, reports: ReportPaths): void {
    if (summary.last) this.step(summary.last);
    this.close();
    for (const line of conclusion(summary, reports)) this.print(line);
  }

  override close(): void {
    this.#bars?.update(); // prints notes that wait for the next redraw
    this.#bars?.stop();
    this.#bars = undefined;
  }
}

class JsonReporter extends QuietReporter {
  override start(info: StartInfo): void {
    super.start(info);
    const { task: _, ...facts } = info;
    this.#event('start', facts);
  }
  override step(metrics: StepMetrics): void {
    const { step, epoch, metrics: values, ...times } = metrics;
    this.#event('step', { step, epoch, ...values, ...times });
  }
  override note(message: string): void {
    this.#event('note', { message });
  }
  override hook(name: string, value: unknown): void {
    this.#event('hook', { name, value });
  }
  override evaluation({ line, judged, best }: Evaluated): void {
    this.#event('evaluation', { ...line, judgedBy: judged.name, best });
  }
  override sample(path: string): void {
    this.#event('sample', { path });
  }
  override checkpoint(path: string): void {
    this.#event('checkpoint', { path });
  }
  override profile({ profile, ceilings, steps, paths }: ProfileReport): void {
    const { milliseconds, deviceMilliseconds, host, kernels } = profile;
    this.#event('profile', { steps, milliseconds, deviceMilliseconds, host, kernels, ceilings, paths });
  }
  override done(summary: TrainSummary, reports: ReportPaths): void {
    const { last, ...rest } = summary;
    const flat = last && { ...last, metrics: undefined, ...last.metrics };
    this.#event('done', { ...rest, ...(flat && { last: flat }), reports });
  }

  #event(event: string, values: object): void {
    this.print(JSON.stringify({ event, ...values }));
  }
}

function introduction({ run, config, data, adapter, parameters, step }: StartInfo): string[] {
  const size = `${config.imageSize}x${config.imageSize}x${config.channels}, width ${config.width}`;
  return [
    `Recipe   ${config.recipe}, ${size}, batch ${config.batchSize}, lr ${config.lr}, seed ${config.seed}${config.precision === 'mixed' ? ', mixed precision' : ''}`,
    `Data     ${data}`,
    `Device   ${adapter}`,
    `Weights  ${Object.entries(parameters)
      .map(([name, n]) => `${name} ${count(n)}`)
      .join(', ')}`,
    `Folder   ${run}`,
    ...(step > 0 ? [`Resumes after step ${count(step)}.`] : []),
  ];
}

function position({ step, epoch, secondsLeft }: StepMetrics, info: StartInfo | undefined): string {
  const of = info?.totalSteps === undefined ? '' : `/${count(info.totalSteps)}`;
  const left = secondsLeft === undefined ? '' : `  ${duration(secondsLeft)} left`;
  return `step ${count(step)}${of}  epoch ${epoch}${left}`;
}

/** The rate and the metrics; of neighbours that share the first word of their labels, only the first says it. */
function measures({ imagesPerSecond, metrics }: StepMetrics, info: StartInfo | undefined): string {
  const rate = imagesPerSecond < 10 ? imagesPerSecond.toFixed(1) : count(Math.round(imagesPerSecond));
  let said = '';
  const values = Object.entries(metrics).map(([name, value]) => {
    const { label, digits } = metricSpec(info?.task ?? {}, name);
    const [first, ...rest] = label.split(' ');
    const shown = rest.length > 0 && first === said ? rest.join(' ') : label;
    said = first!;
    return `${shown} ${value.toFixed(digits)}`;
  });
  return [`${rate} images/s`, ...values].join('  ');
}

/** The values with their floors, and the best so far. */
function evaluationLine({ line: { step, count: n, values }, judged, best }: Evaluated): string {
  const shown = Object.values(values).map((value) => {
    const floor = value.floor === undefined ? '' : ` (floor ${written(value.floor, value.digits)})`;
    return `${value.title} ${withError(value)}${floor}`;
  });
  const better =
    best === null || best.step === step
      ? ', the best so far'
      : `; best ${judged.spec.title} ${written(best.value, judged.spec.digits)} at step ${count(best.step)}`;
  return `Evaluation at step ${count(step)}, ${count(n)} images: ${shown.join(', ')}${better}.`;
}

/** `generated images 1,280 of 2,000`, or the share done of a metric. */
export function evaluatingLine({ stage, done, total }: EvaluationProgress): string {
  return total > 1 ? `${stage} ${count(done)} of ${count(total)}` : `${stage} ${Math.round(100 * done)} %`;
}

function fractionDone({ step, seconds }: StepMetrics, info: StartInfo | undefined): number {
  const minutes = info?.config.minutes;
  const fraction =
    minutes === undefined ? step / (info?.totalSteps ?? Number.POSITIVE_INFINITY) : seconds / (60 * minutes);
  return Math.min(fraction, 1);
}

function ending({ reason, because, step, seconds, imagesPerSecond }: TrainSummary): string {
  const verb = reason === 'finished' ? 'Finished' : 'Stopped';
  const why = because === undefined ? '' : ` because ${because}`;
  return `${verb} at step ${count(step)} after ${duration(seconds)} of training${why}, ${count(Math.round(imagesPerSecond))} images/s.`;
}

/** `Fréchet distance 31.2`. */
export function bestBy({ title, name, value }: BestCheckpoint): string {
  return `${title} ${written(value, findValue(name).spec.digits)}`;
}

function conclusion(summary: TrainSummary, { gif, html }: ReportPaths): string[] {
  const resume = `${commandName()} train --resume ${shellPath(summary.run)}`;
  return [
    ending(summary),
    ...(summary.sample === undefined ? [] : [`Pictures    ${summary.sample}`]),
    ...(gif === undefined ? [] : [`Animation   ${gif}`]),
    `Report      ${html}`,
    ...(summary.checkpoint === undefined ? [] : [`Checkpoint  ${summary.checkpoint}`]),
    ...(summary.best === undefined ? [] : [`Best        ${summary.best.path} (${bestBy(summary.best)})`]),
    summary.reason === 'finished'
      ? `Train on with a later end, such as: ${resume} --steps ${2 * Math.max(summary.step, 1)}`
      : `Resume with: ${resume}`,
  ];
}

function count(n: number): string {
  return n.toLocaleString('en');
}
