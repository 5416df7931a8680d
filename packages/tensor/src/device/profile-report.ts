// Profiles for readers: a table for the terminal, and a file for chrome://tracing or Perfetto.
import type { Ceilings } from './ceilings.ts';
import { groupKernels, type KernelProfile, type Profile } from './profile.ts';

export interface ProfileTableOptions {
  /** The adapter's ceilings (measureCeilings), for a column with each kernel's share of them. */
  readonly ceilings?: Ceilings;
  /** Number of steps in the profile; times and calls are divided by it. Default 1. */
  readonly steps?: number;
  /** Most rows of the table by shape. Default: all. */
  readonly rows?: number;
}

/** Timestamps that are at least this coarse, in milliseconds, were rounded by the browser. */
const coarse = 0.03;

/** Lines of text: a table by kernel and one by kernel and shape, longest time first, then the host's time. */
export function profileTable(profile: Profile, options: ProfileTableOptions = {}): string[] {
  const { ceilings, steps = 1, rows: most = Number.POSITIVE_INFINITY } = options;
  const { kernels, deviceMilliseconds, host } = profile;
  const table = (title: string, rows: readonly KernelProfile[]): string[] => {
    const cells = rows.map((kernel) => [
      percent(kernel.milliseconds, deviceMilliseconds),
      (kernel.milliseconds / steps).toFixed(3),
      trimmed(kernel.calls / steps),
      kernel.gflops > 0 ? kernel.gflops.toFixed(1) : '',
      kernel.gbs.toFixed(2),
      ceilings ? shareOfCeiling(kernel, ceilings) : '',
      `${kernel.name} ${kernel.shape}`,
    ]);
    return columns([
      ['time', 'ms', 'calls', 'GFLOP/s', 'GB/s', ceilings ? 'of ceiling' : '', title],
      ...cells,
    ]);
  };
  const ms = (t: number): string => `${(t / steps).toFixed(2)} ms`;
  const per = steps === 1 ? '' : ` a step, over ${steps} steps`;
  return [
    ...table('kernel', groupKernels(kernels, false)),
    '',
    ...table('kernel and shape', kernels.slice(0, most)),
    ...(kernels.length > most ? [`… and ${kernels.length - most} more`] : []),
    '',
    `Device ${ms(deviceMilliseconds)} of ${ms(profile.milliseconds)}${per}: ${profile.adapter}.`,
    `Host: encode ${ms(host.encode)}, submit ${ms(host.submit)}, ` +
      (host.wait === null
        ? `JavaScript and waits ${ms(host.other)}.`
        : `wait ${ms(host.wait)}, other JavaScript ${ms(host.other)}.`),
    ...(ceilings
      ? [
          `Ceilings: ${ceilings.gflops.toFixed(1)} GFLOP/s in registers, ${ceilings.gbs.toFixed(2)} GB/s copying; a kernel's share is of the one it is nearer to (caches can pass the second).`,
        ]
      : []),
    ...notes(profile),
  ];
}

/** Cells in columns. All but the last are aligned to the right. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((cells) => cells[i]!.length)));
  return rows.map((cells) =>
    cells
      .map((cell, i) => (i === cells.length - 1 ? cell : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}

function notes({ method, resolution, untimed }: Profile): string[] {
  return [
    ...(method === 'repeats' ? ['Timed by repeats afterwards, with caches warmer than in the run.'] : []),
    ...(resolution >= coarse
      ? [`Timestamps are rounded to ${resolution.toFixed(3)} ms here: trust sums over many calls only.`]
      : []),
    ...(untimed > 0 ? [`${untimed} commands could not be timed: readbacks, or their buffers are gone.`] : []),
  ];
}

function shareOfCeiling(kernel: KernelProfile, ceilings: Ceilings): string {
  const [arithmetic, memory] = [kernel.gflops / ceilings.gflops, kernel.gbs / ceilings.gbs];
  return `${(100 * Math.max(arithmetic, memory)).toFixed(0)}% ${arithmetic > memory ? 'flop' : 'byte'}`;
}

function percent(part: number, whole: number): string {
  return whole > 0 ? `${((100 * part) / whole).toFixed(1)}%` : '';
}

function trimmed(n: number): string {
  return Number.isInteger(n) ? String(n) : n.toFixed(1);
}

/** An event of the Trace Event Format: `X` is a span (microseconds), `M` names a process or a thread. */
interface TraceEvent {
  readonly name: string;
  readonly ph: 'X' | 'M';
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly args?: Readonly<Record<string, string | number>>;
}

/**
 * The profile in the Trace Event Format
 * (docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU), to be written as JSON: the
 * device's commands on one line, the host's encoding and submitting on another.
 */
export function chromeTrace(profile: Profile): { traceEvents: TraceEvent[]; displayTimeUnit: 'ms' } {
  const named = (tid: number, name: string): TraceEvent => {
    return { name: 'thread_name', ph: 'M', pid: 1, tid, args: { name } };
  };
  const [host, device] = [1, 2];
  const microseconds = (milliseconds: number): number => Math.round(milliseconds * 1e6) / 1e3;
  return {
    displayTimeUnit: 'ms',
    traceEvents: [
      { name: 'process_name', ph: 'M', pid: 1, tid: 0, args: { name: `forger: ${profile.adapter}` } },
      named(host, 'host'),
      named(device, 'device'),
      ...profile.hostSpans.map(({ name, begin, milliseconds }): TraceEvent => {
        return { name, ph: 'X', pid: 1, tid: host, ts: microseconds(begin), dur: microseconds(milliseconds) };
      }),
      ...profile.deviceSpans.map(({ name, shape, flop, bytes, begin, milliseconds }): TraceEvent => {
        const at = { ts: microseconds(begin), dur: microseconds(milliseconds) };
        return { name, ph: 'X', pid: 1, tid: device, ...at, args: { shape, flop, bytes } };
      }),
    ],
  };
}
