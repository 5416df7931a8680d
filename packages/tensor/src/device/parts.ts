// The parts of a device that capture, profiles and warm-up use. device.ts makes them and imports those three; they see
// this interface, so that no file imports the one that imports it.
import type { AdapterReport } from './adapter.ts';
import type { Allocator, BufferRange } from './buffers.ts';
import type { FloatParam, Operand } from './command.ts';
import type { GPUDevice } from './globals.ts';
import type { KernelSource, PipelineCache } from './pipelines.ts';
import type { Recorder } from './recorder.ts';

export interface DeviceParts {
  readonly gpu: GPUDevice;
  readonly adapter: AdapterReport;
  readonly features: ReadonlySet<string>;
  /** Buffer offsets that can be bound are multiples of this, in bytes. */
  readonly alignment: number;
  readonly recorder: Recorder;
  readonly pipelines: PipelineCache;
  readonly pool: Allocator;
  /** Whether a capture or a dry run is being recorded. */
  readonly capturing: boolean;
  dispatch(
    source: KernelSource,
    params: readonly (number | FloatParam)[],
    operands: readonly Operand[],
    workgroups: readonly [number, number, number],
  ): void;
  read(ranges: readonly BufferRange[]): Promise<ArrayBuffer[]>;
  sync(): Promise<void>;
  throwIfFailed(): void;
  dropAllPacked(): void;
  destroy(): void;
}
