// How work maps to invocations for kernels that walk a flat range of elements.

/** Invocations in a workgroup of a flat kernel. */
export const flatWorkgroup = 64;

/** Elements that one invocation of a flat kernel handles before more workgroups pay: start-up costs are shared. */
const elementsPerInvocation = 4;

/** Workgroups for `n` elements; the kernel strides over the grid, so any number of workgroups is right. */
export function flatGrid(n: number): [number, number, number] {
  return [Math.max(1, Math.min(65_535, Math.ceil(n / (flatWorkgroup * elementsPerInvocation)))), 1, 1];
}
