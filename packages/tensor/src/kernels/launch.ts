// How work maps to invocations for kernels over a flat range of elements.
import type { Device } from '../device/device.ts';
import type { ShaderFile } from '../shaders.generated.ts';
import type { Tensor } from '../tensor.ts';

/** Invocations in a workgroup of a flat kernel. */
export const flatWorkgroup = 64;

/**
 * Elements that one invocation of a flat kernel handles before more workgroups pay, and the most workgroups. A CPU pays
 * for every invocation that starts, and runs a long loop twice as fast as many short ones (measured on lavapipe).
 */
const shares = {
  software: { elements: 32, workgroups: 128 },
  gpu: { elements: 4, workgroups: 65_535 },
} as const;

/** Workgroups for `n` elements; kernels loop over what falls to each, so any number of workgroups is right. */
export function flatGrid(device: Device, n: number): [number, number, number] {
  const { elements, workgroups } = device.adapter.software ? shares.software : shares.gpu;
  return [Math.max(1, Math.min(workgroups, Math.ceil(n / (flatWorkgroup * elements)))), 1, 1];
}

/** Below this many floats the loads are no cost, and a kernel for single floats compiles sooner. */
const wideFrom = 4096;

/** How a flat kernel that is linked with Element covers a tensor. */
export interface FlatWalk {
  /** Whether Elements are four floats. */
  readonly wide: boolean;
  readonly files: readonly ShaderFile[];
  /** Elements in all. */
  readonly n: number;
  readonly grid: [number, number, number];
}

/** Four floats at a time where the size allows it and is worth it. */
export function flatWalk({ size, device }: Tensor): FlatWalk {
  const wide = size % 4 === 0 && size >= wideFrom;
  const n = wide ? size / 4 : size;
  const element = wide ? 'elementwise/element_vec4.wgsl' : 'elementwise/element_f32.wgsl';
  return { wide, files: [element, 'elementwise/share.wgsl'], n, grid: flatGrid(device, n) };
}
