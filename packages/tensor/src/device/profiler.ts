// `device.profile`: runs a function while every command it submits is timed.
import { DeviceError } from '../errors.ts';
import type { DeviceParts } from './parts.ts';
import { type CommandTimer, groupKernels, type Profile, type ProfileMethod } from './profile.ts';
import { RepeatTimer } from './repeat-timer.ts';
import { TimestampTimer } from './timestamp-timer.ts';

export interface ProfileOptions {
  /**
   * `timestamps` (the default where the device offers them) times every call as it happens. `repeats`
   * (elsewhere) times each kernel afterwards by submitting it repeatedly. That takes seconds, runs with
   * warmer caches than the profiled call, and restores every buffer.
   */
  readonly method?: ProfileMethod;
}

/** As Device.profile. */
export async function profile<T>(
  device: DeviceParts,
  fn: () => T | Promise<T>,
  options: ProfileOptions,
): Promise<Profile<Awaited<T>>> {
  const { recorder, features, adapter } = device;
  const method = options.method ?? (features.has('timestamp-query') ? 'timestamps' : 'repeats');
  if (method === 'timestamps' && !features.has('timestamp-query'))
    throw new DeviceError("This adapter offers no timestamp queries: profile with method 'repeats'.");
  if (recorder.timer) throw new DeviceError('device.profile() was called inside another profile.');
  if (device.capturing) throw new DeviceError('device.profile() was called inside device.capture().');
  await device.sync();
  const begin = performance.now();
  const idle = idleClock();
  const timer: CommandTimer =
    method === 'timestamps' ? new TimestampTimer(device, begin) : new RepeatTimer(device, begin);
  recorder.timer = timer;
  try {
    let result: Awaited<T>;
    try {
      result = await fn();
      await device.sync();
    } finally {
      recorder.timer = null;
    }
    const milliseconds = performance.now() - begin;
    const wait = idle();
    const total = (name: string): number =>
      timer.hostSpans.reduce((sum, span) => sum + (span.name === name ? span.milliseconds : 0), 0);
    const [encode, submit] = [total('encode'), total('submit')];
    const other = Math.max(0, milliseconds - encode - submit - (wait ?? 0));
    const { calls, timeline, resolution, untimed } = await timer.finish();
    return {
      result,
      method,
      adapter: adapter.description || adapter.device,
      milliseconds,
      deviceMilliseconds: calls.reduce((sum, call) => sum + call.milliseconds, 0),
      resolution,
      untimed,
      host: { encode, submit, wait, other },
      kernels: groupKernels(calls),
      deviceSpans: timeline,
      hostSpans: timer.hostSpans,
    };
  } finally {
    timer.dispose();
  }
}

/** A counter of the milliseconds that the event loop waits from now on; null where the platform has none. */
function idleClock(): () => number | null {
  const clock = performance as { eventLoopUtilization?: () => { idle: number } };
  const before = clock.eventLoopUtilization?.().idle;
  return () => (before === undefined ? null : clock.eventLoopUtilization!().idle - before);
}
