// What `device.profile` finds: the time of every kernel, and the host's time beside it, as plain data.
import type { Command } from './recorder.ts';
import type { CommandInfo } from './work.ts';

/** One call of a command. */
export interface TimedCall extends CommandInfo {
  readonly milliseconds: number;
}

/** One call on the device's time line; `begin` in milliseconds from the profile's begin, on the host's clock. */
export interface DeviceSpan extends TimedCall {
  readonly begin: number;
}

/** One piece of the host's work. Milliseconds, `begin` from the profile's begin. */
export interface HostSpan {
  readonly name: 'encode' | 'submit';
  readonly begin: number;
  readonly milliseconds: number;
}

/** All calls of a kernel at one shape, added up. */
export interface KernelProfile extends TimedCall {
  readonly calls: number;
  /** 10⁹ floating-point operations a second; 0 for kernels that count none. */
  readonly gflops: number;
  /** 10⁹ bytes a second: what its operands hold, over the time. Caches can make it larger than memory's own rate. */
  readonly gbs: number;
}

/** The host's milliseconds during a profile. */
export interface HostTime {
  /** Building command buffers. While profiling, each kernel opens a pass of its own, which makes this longer than usual. */
  readonly encode: number;
  /** Handing them to the driver. */
  readonly submit: number;
  /** Idle, waiting for the device or a timer; null where the platform cannot tell (browsers). */
  readonly wait: number | null;
  /** The rest: JavaScript outside; waits as well where `wait` is null. */
  readonly other: number;
}

/** How kernels are timed. */
export type ProfileMethod = 'timestamps' | 'repeats';

export interface Profile<T = unknown> {
  /** What the profiled function returned. */
  readonly result: T;
  readonly method: ProfileMethod;
  readonly adapter: string;
  /** From begin to end, on the host's clock. */
  readonly milliseconds: number;
  /** Milliseconds of all kernels, copies and clears together. */
  readonly deviceMilliseconds: number;
  /** Timestamps are multiples of this many milliseconds; browsers round them to 0.066. */
  readonly resolution: number;
  /** Commands that could not be timed; their rows do not count them. */
  readonly untimed: number;
  readonly host: HostTime;
  /** The most time first. */
  readonly kernels: readonly KernelProfile[];
  /** The device's time line; empty with 'repeats'. */
  readonly deviceSpans: readonly DeviceSpan[];
  readonly hostSpans: readonly HostSpan[];
}

/** Takes the recorder's place while a profile is made: submits commands, and finds out how long they took. */
export interface CommandTimer {
  readonly hostSpans: readonly HostSpan[];
  /** Encodes and submits commands in their order. */
  submit(commands: readonly Command[]): void;
  /** Told before a pooled buffer or texture is destroyed. */
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

/** Joins the calls of each kernel at each shape, or with `shapes` false of each kernel; the most time first. */
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
