// Times commands with timestamp queries. Every dispatch gets its own compute pass, at whose start and end the
// device writes a timestamp. Copies and clears have none: their time is the gap between the passes before and
// after them.

import type { Command } from './command.ts';
import type { GPUBuffer } from './globals.ts';
import type { DeviceParts } from './parts.ts';
import type { CommandTimer, DeviceSpan, HostSpan } from './profile.ts';
import { encodeTransfer } from './recorder.ts';
import { bufferUsage } from './webgpu-constants.ts';
import { type CommandInfo, infoOf } from './work.ts';

/** Most commands of one command buffer: each takes at most four queries, and a query set holds 4096. */
const mostCommands = 1000;

/** A command and the places of its two timestamps. */
interface Entry {
  readonly info: CommandInfo;
  readonly begin: number;
  end: number;
}

interface Batch {
  readonly entries: readonly Entry[];
  /** Where the timestamps are: nanoseconds as 64-bit integers. */
  readonly buffer: GPUBuffer;
  readonly bytes: number;
  /** Start of its submission on the host's clock. */
  readonly submitted: number;
}

export class TimestampTimer implements CommandTimer {
  readonly hostSpans: HostSpan[] = [];
  readonly #device: DeviceParts;
  readonly #queries: GPUQuerySet;
  readonly #begin: number;
  #batches: Batch[] = [];

  /** @param begin the start of the profile on performance.now()'s clock. */
  constructor(device: DeviceParts, begin: number) {
    this.#device = device;
    this.#begin = begin;
    this.#queries = device.gpu.createQuerySet({ type: 'timestamp', count: 4 * mostCommands });
  }

  /** Encodes and submits commands as the recorder does, with timestamps. */
  submit(commands: readonly Command[]): void {
    for (let at = 0; at < commands.length; at += mostCommands)
      this.#submit(commands.slice(at, at + mostCommands));
  }

  #submit(commands: readonly Command[]): void {
    const { gpu } = this.#device;
    const start = performance.now();
    const encoder = gpu.createCommandEncoder();
    const entries: Entry[] = [];
    let stamps = 0;
    let transfer: Entry | null = null;
    const pass = (): GPUComputePassEncoder => {
      const begin = stamps;
      stamps += 2;
      if (transfer) transfer.end = begin;
      transfer = null;
      return encoder.beginComputePass({
        timestampWrites: {
          querySet: this.#queries,
          beginningOfPassWriteIndex: begin,
          endOfPassWriteIndex: begin + 1,
        },
      });
    };
    for (const command of commands) {
      const info = infoOf(command);
      if (command.kind === 'dispatch') {
        const compute = pass();
        compute.setPipeline(command.kernel.pipeline);
        compute.setBindGroup(0, command.bindGroup);
        compute.dispatchWorkgroups(...command.workgroups);
        compute.end();
        entries.push({ info, begin: stamps - 2, end: stamps - 1 });
      } else {
        if (transfer || stamps === 0) pass().end();
        encodeTransfer(encoder, command);
        transfer = { info, begin: stamps - 1, end: -1 };
        entries.push(transfer);
      }
    }
    if (transfer) pass().end();
    const bytes = stamps * 8;
    const buffer = gpu.createBuffer({
      size: bytes,
      usage: bufferUsage.QUERY_RESOLVE | bufferUsage.COPY_SRC,
    });
    encoder.resolveQuerySet(this.#queries, 0, stamps, buffer, 0);
    const finished = encoder.finish();
    const encoded = performance.now();
    gpu.queue.submit([finished]);
    this.#host('encode', start, encoded);
    this.#host('submit', encoded, performance.now());
    this.#batches.push({ entries, buffer, bytes, submitted: encoded - this.#begin });
  }

  #host(name: HostSpan['name'], from: number, to: number): void {
    this.hostSpans.push({ name, begin: from - this.#begin, milliseconds: to - from });
  }

  /**
   * Reads the timestamps when all commands are done. The zero of the device's clock is unknown, so the time
   * line is shifted until no command starts before its submission.
   */
  async finish(): ReturnType<CommandTimer['finish']> {
    const batches = this.#batches;
    if (batches.length === 0) return { calls: [], timeline: [], resolution: 0, untimed: 0 };
    const ranges = batches.map(({ buffer, bytes }) => {
      const pooled = { id: -1, gpu: buffer, owner: this.#device.gpu, bytes, lastBatch: -1, packed: null };
      return { buffer: pooled, offset: 0, bytes };
    });
    const stamps = (await this.#device.read(ranges)).map((data) => new BigUint64Array(data));
    const zero = stamps[0]![0]!;
    let bits = 0n;
    for (const list of stamps) for (const stamp of list) bits |= stamp;
    const milliseconds = (stamp: bigint): number => Number(stamp - zero) / 1e6;
    const late = batches.map(({ submitted }, i) => milliseconds(stamps[i]![0]!) - submitted);
    const shift = Math.min(...late);
    const spans: DeviceSpan[] = batches.flatMap(({ entries }, i) =>
      entries.map(({ info, begin, end }) => {
        const from = milliseconds(stamps[i]![begin]!);
        // After a reset or sleep the device's clock may run backwards.
        const length = Math.max(0, milliseconds(stamps[i]![end]!) - from);
        return { ...info, begin: from - shift, milliseconds: length };
      }),
    );
    return { calls: spans, timeline: spans, resolution: Number(bits & -bits) / 1e6, untimed: 0 };
  }

  /** Nothing to do: timestamps do not depend on the buffers. */
  forget(): void {}

  dispose(): void {
    this.#queries.destroy();
    for (const { buffer } of this.#batches) buffer.destroy();
    this.#batches = [];
  }
}
