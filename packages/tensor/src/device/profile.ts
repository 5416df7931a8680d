// The result of `device.profile` as plain data: the time of every kernel, and the host's time.
import type { Command } from './command.ts';
import type { CommandInfo } from './work.ts';

/** One call of a command. */
export interface TimedCall extends CommandInfo {
  readonly milliseconds: number;
}

/**
 * One call on the device's time line. `begin` is in milliseconds since the profile began, on the host's
 * clock.
 */
export interface DeviceSpan extends TimedCall {
  readonly begin: number;
}

/** One piece of the host's work. Times are in milliseconds, `begin` since the profile began. */
export interface HostSpan {
  readonly name: 'encode' | 'submit';
  readonly begin: number;
  readonly milliseconds: number;
}

/** The sums over all calls of a kernel at one shape. */
export interface KernelProfile extends TimedCall {
  readonly calls: number;
  /** 10⁹ floating-point operations a second; 0 for kernels that do not report operations. */
  readonly gflops: number;
  /**
   * 10⁹ bytes a second: the size of its operands divided by the time. Caches can raise it above the memory's
   * rate.
   */
  readonly gbs: number;
}

/** The host's milliseconds during a profile. */
export interface HostTime {
  /** Building command buffers. Longer than usual, since each kernel has its own pass while profiling. */
  readonly encode: number;
  /** Submitting them to the driver. */
  readonly submit: number;
  /** Idle, waiting for the device or a timer; null where the platform cannot tell (browsers). */
  readonly wait: number | null;
  /** The remaining JavaScript, including waits where `wait` is null. */
  readonly other: number;
}

/** How kernels are timed. */
export type ProfileMethod = 'timestamps' | 'repeats';

export interface Profile<T = unknown> {
  /** The return value of the profiled function. */
  readonly result: T;
  readonly method: ProfileMethod;
  readonly adapter: string;
  /** Milliseconds of the whole profile, on the host's clock. */
  readonly milliseconds: number;
  /** Sum of the milliseconds of all kernels, copies and clears. */
  readonly deviceMilliseconds: number;
  /** Timestamps are multiples of this many milliseconds; browsers round them to 0.066. */
  readonly resolution: number;
  /** Number of commands that could not be timed. They are in no row. */
  readonly untimed: number;
  readonly host: HostTime;
  /** Sorted by time, longest first. */
  readonly kernels: readonly KernelProfile[];
  /** The device's time line; empty with 'repeats'. */
  readonly deviceSpans: readonly DeviceSpan[];
  readonly hostSpans: readonly HostSpan[];
}

/** Replaces the recorder's submit while a profile is taken: submits commands and times them. */
export interface CommandTimer {
  readonly hostSpans: readonly HostSpan[];
  /** Encodes and submits commands in their order. */
  submit(commands: readonly Command[]): void;
  /** Called before a pooled buffer or texture is destroyed. */
  forget(id: number): void;
  /** The times of all commands, once the device is done with them. */
  finish(): Promise<{
    readonly calls: readonly TimedCall[];
    readonly timeline: readonly DeviceSpan[];
    readonly resolution: number;
    readonly untimed: number;
  }>;
  dispose(): void;
}

/**
 * Adds up the calls of each kernel at each shape (of each kernel if `shapes` is false), longest time first.
 */
export function groupKernels(
  calls: readonly (TimedCall & { readonly calls?: number })[],
  shapes = true,
): KernelProfile[] {
  const groups = new Map<string, Pick<KernelProfile, 'calls' | 'milliseconds' | 'flop' | 'bytes'>>();
  const keyOf = ({ name, shape }: TimedCall): string => `${name}\n${shapes ? shape : ''}`;
  for (const call of calls) {
    const key = keyOf(call);
    const group = groups.get(key) ?? { calls: 0, milliseconds: 0, flop: 0, bytes: 0 };
    groups.set(key, {
      calls: group.calls + (call.calls ?? 1),
      milliseconds: group.milliseconds + call.milliseconds,
      flop: group.flop + call.flop,
      bytes: group.bytes + call.bytes,
    });
  }
  return Array.from(groups, ([key, group]) => {
    const [name, shape] = key.split('\n') as [string, string];
    const perSecond = (amount: number): number =>
      group.milliseconds > 0 ? amount / group.milliseconds / 1e6 : 0;
    return { name, shape, ...group, gflops: perSecond(group.flop), gbs: perSecond(group.bytes) };
  }).sort((a, b) => b.milliseconds - a.milliseconds);
}
