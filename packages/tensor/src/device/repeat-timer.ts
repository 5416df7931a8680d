// Times commands without timestamps. After the profiled call, one command of each kernel and shape is
// submitted n and 2n times; the difference of the two waits is the time of n. The buffers that it writes are
// saved before and restored after.

import type { Command } from './command.ts';
import type { DeviceParts } from './parts.ts';
import type { CommandTimer, HostSpan, TimedCall } from './profile.ts';
import { encodeCommands } from './recorder.ts';
import { bufferUsage } from './webgpu-constants.ts';
import { type CommandInfo, infoOf } from './work.ts';

/** Least milliseconds of a sample (well above the jitter of a wait), and the most repeats to reach them. */
const leastSample = 10;
const mostRepeats = 1024;
const rounds = 3;

interface Group {
  readonly info: CommandInfo;
  command: Command;
  calls: number;
}

export class RepeatTimer implements CommandTimer {
  readonly hostSpans: HostSpan[] = [];
  readonly #device: DeviceParts;
  readonly #begin: number;
  readonly #groups = new Map<string, Group>();
  readonly #gone = new Set<number>();

  /** @param begin the start of the profile on performance.now()'s clock. */
  constructor(device: DeviceParts, begin: number) {
    this.#device = device;
    this.#begin = begin;
  }

  /** Encodes and submits commands as the recorder does, and keeps them for timing. */
  submit(commands: readonly Command[]): void {
    const start = performance.now();
    const encoder = this.#device.gpu.createCommandEncoder();
    encodeCommands(encoder, commands);
    const finished = encoder.finish();
    const encoded = performance.now();
    this.#device.gpu.queue.submit([finished]);
    const begin = this.#begin;
    this.hostSpans.push({ name: 'encode', begin: start - begin, milliseconds: encoded - start });
    this.hostSpans.push({
      name: 'submit',
      begin: encoded - begin,
      milliseconds: performance.now() - encoded,
    });
    for (const command of commands) {
      const info = infoOf(command);
      const key = `${info.name} ${info.shape}`;
      const group = this.#groups.get(key) ?? { info, command, calls: 0 };
      group.command = command;
      group.calls++;
      this.#groups.set(key, group);
    }
  }

  /** Drops the commands that use a destroyed item: they cannot be repeated. */
  forget(id: number): void {
    this.#gone.add(id);
  }

  /** Times each kernel at each shape once, and uses that time for each of its calls. */
  async finish(): ReturnType<CommandTimer['finish']> {
    const calls: TimedCall[] = [];
    let untimed = 0;
    for (const { info, command, calls: count } of this.#groups.values()) {
      // Commands without pooled buffers are readbacks; their target belongs to the reader.
      const repeatable = command.buffers.length > 0 && command.buffers.every(({ id }) => !this.#gone.has(id));
      if (!repeatable) {
        untimed += count;
        continue;
      }
      const milliseconds = await this.#untouched(command, () => this.#time(command));
      for (let i = 0; i < count; i++) calls.push({ ...info, milliseconds });
    }
    return { calls, timeline: [], resolution: 0, untimed };
  }

  async #time(command: Command): Promise<number> {
    let repeats = 1;
    await this.#repeat(command, 1);
    while (repeats < mostRepeats && (await this.#repeat(command, repeats)) < leastSample) repeats *= 2;
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const once = await this.#repeat(command, repeats);
      const twice = await this.#repeat(command, 2 * repeats);
      times.push(Math.max(0, (twice - once) / repeats));
    }
    return times.sort((a, b) => a - b)[Math.floor(rounds / 2)]!;
  }

  async #repeat(command: Command, times: number): Promise<number> {
    const { gpu } = this.#device;
    const encoder = gpu.createCommandEncoder();
    encodeCommands(encoder, new Array<Command>(times).fill(command));
    const start = performance.now();
    gpu.queue.submit([encoder.finish()]);
    await this.#device.sync();
    return performance.now() - start;
  }

  /** Runs `fn` and restores the buffers of a command. Textures are scratch space and need no restoring. */
  async #untouched<T>(command: Command, fn: () => Promise<T>): Promise<T> {
    const { gpu } = this.#device;
    const buffers = new Set(command.buffers.flatMap((item) => ('view' in item ? [] : [item.gpu])));
    const aside = Array.from(buffers, (buffer) => ({
      buffer,
      copy: gpu.createBuffer({ size: buffer.size, usage: bufferUsage.COPY_SRC | bufferUsage.COPY_DST }),
    }));
    const copyAll = (back: boolean): void => {
      const encoder = gpu.createCommandEncoder();
      for (const { buffer, copy } of aside)
        encoder.copyBufferToBuffer(back ? copy : buffer, 0, back ? buffer : copy, 0, buffer.size);
      gpu.queue.submit([encoder.finish()]);
    };
    copyAll(false);
    try {
      return await fn();
    } finally {
      copyAll(true);
      for (const { copy } of aside) copy.destroy();
    }
  }

  dispose(): void {
    this.#groups.clear();
  }
}
