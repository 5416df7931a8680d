// The transforms of Winograd's method (shaders/winograd): tiles of an operand become a batch of matrices in a
// texture, which texel-product.ts multiplies, and matrices become a result again.
import { type PooledTexture, textureWidth } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import type { ShaderFile } from '../../shaders.generated.ts';
import { empty, type Tensor } from '../../tensor.ts';
import { panel, type TexelMatrix } from './texel-product.ts';

/** F(outputs, taps): `outputs` results of a correlation with `taps` taps, from outputs + taps - 1 products. */
export interface WinogradForm {
  readonly file: ShaderFile;
  readonly outputs: number;
  readonly taps: number;
}

/** What is transformed (roles.wgsl). */
const roles = { input: 0, output: 1, weight: 2 } as const;

const workgroup = 16;

const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);

/** An operand [images, channels, h, w] cut into tiles, in stride² phases: every stride-th row and column. */
export interface Operand {
  readonly role: keyof typeof roles;
  readonly images: number;
  readonly channels: number;
  readonly h: number;
  readonly w: number;
  readonly tiles: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly stride: number;
}

/** The sizes of a transformed operand's matrices: quads of channels of a phase, by tiles. */
export function matrixOf(o: Operand, form: WinogradForm): Omit<TexelMatrix, 'texture'> {
  return {
    batch: (form.outputs + form.taps - 1) ** 2,
    quads: o.stride ** 2 * ceilDiv(o.channels, 4),
    length: ceilDiv(o.images * o.tiles[0] * o.tiles[1], panel) * panel,
  };
}

export const texelsOf = ({ batch, quads, length }: Omit<TexelMatrix, 'texture'>): number =>
  batch * quads * length;

/** Whether a transformed operand or result fits a texture, the buffer through which it gets there, and a grid. */
export function fitsTransforms(device: Device, o: Operand, form: WinogradForm): boolean {
  const matrix = matrixOf(o, form);
  const texels = texelsOf(matrix);
  const { maxStorageBufferBindingSize, maxBufferSize } = device.gpu.limits;
  const blocks = blocksOf(o, form);
  const invocations = Math.max(matrix.length, o.images * blocks[0] * blocks[1]);
  return (
    texels <= device.pool.maxTexels &&
    16 * texels <= Math.min(maxStorageBufferBindingSize, maxBufferSize) &&
    Math.max(invocations / workgroup, o.channels / 4) <= 65_535
  );
}

const constantsOf = (o: Operand) => ({
  WORKGROUP: workgroup,
  TEXTURE_WIDTH: textureWidth,
  PANEL: panel,
  ROLE: roles[o.role],
  STRIDE: o.stride,
});

/** Texels of four values that hold a line of a tile, wherever in its first texel it may begin. */
function texelsOfLine(o: Operand, form: WinogradForm): number {
  const positions =
    o.role === 'weight' ? form.taps : o.role === 'output' ? form.outputs : form.outputs + form.taps - 1;
  const step = (o.role === 'weight' ? form.taps : form.outputs) * o.stride;
  const aligned = o.w % 4 === 0 && (o.tiles[1] === 1 || step % 4 === 0) && o.padding[1] === 0;
  const latest = aligned ? o.stride - 1 : 3; // a phase begins up to stride - 1 later
  return ceilDiv(latest + (positions - 1) * o.stride + 1, 4);
}

/** A transformed operand, packed once for all products that it takes part in. */
export function transform(t: Tensor, o: Operand, form: WinogradForm): TexelMatrix {
  const matrix = matrixOf(o, form);
  const { length } = matrix;
  const params = [o.images, o.channels, o.h, o.w, ...o.tiles, ...o.padding, length];
  const key = `${form.file} ${o.role} ${o.stride} ${params}`;
  const { device } = t;
  const texture = device.packed(t.range, key, () => {
    const values = device.pool.acquireTexture(ceilDiv(t.size, 4));
    device.copyToTexture(t.range, values);
    const packed = empty([4 * texelsOf(matrix)], { device });
    device.dispatch(
      {
        name: `winograd_${o.role}_transform`,
        files: ['winograd/transform.wgsl', 'winograd/roles.wgsl', form.file],
        constants: { ...constantsOf(o), TEXELS: texelsOfLine(o, form) },
        bindings: ['texture-read', 'write'],
      },
      params,
      [values, packed.range],
      [ceilDiv(length, workgroup), ceilDiv(o.channels, 4), 1],
    );
    device.pool.release(values);
    const target = device.pool.acquireTexture(texelsOf(matrix));
    device.copyToTexture(packed.range, target);
    packed.dispose();
    return target;
  });
  return { ...matrix, texture };
}

/** How results are stored: as many at once as divide what an invocation has of a row, and the row. */
function putFile(o: Operand, form: WinogradForm): ShaderFile {
  const run = (o.role === 'weight' ? form.taps : form.outputs) * o.stride;
  if (run % 4 === 0 && o.w % 4 === 0) return 'winograd/put_vec4.wgsl';
  return run % 2 === 0 && o.w % 2 === 0 ? 'winograd/put_vec2.wgsl' : 'winograd/put_f32.wgsl';
}

/**
 * A tensor of an operand's shape from its transformed values, which `fill` puts into a scratch texture.
 * @param operand any tensor that is alive, to be bound where there is no bias.
 */
export function inverseTransform(
  o: Operand,
  form: WinogradForm,
  bias: Tensor | null,
  operand: Tensor,
  fill: (c: TexelMatrix) => void,
): Tensor {
  const { device } = operand;
  const { pool } = device;
  const matrix = matrixOf(o, form);
  const y = empty([o.images, o.channels, o.h, o.w], { device });
  const texture: PooledTexture = pool.acquireTexture(texelsOf(matrix));
  fill({ ...matrix, texture });
  const blocks = blocksOf(o, form);
  device.dispatch(
    {
      name: `winograd_${o.role}_inverse_transform`,
      files: ['winograd/inverse_transform.wgsl', putFile(o, form), 'winograd/roles.wgsl', form.file],
      constants: { ...constantsOf(o), HAS_BIAS: bias !== null },
      bindings: ['texture-read', 'read', 'write'],
    },
    [o.images, o.channels, o.h, o.w, ...o.tiles, ...o.padding, matrix.length, ...blocks],
    [texture, (bias ?? operand).range, y.range],
    [ceilDiv(o.images * blocks[0] * blocks[1], workgroup), ceilDiv(o.channels, 4), 1],
  );
  pool.release(texture);
  return y;
}

/**
 * Blocks of positions that inverse_transform.wgsl gathers: one for each tile, or as many as hold all of a
 * phase of the input.
 */
function blocksOf(o: Operand, form: WinogradForm): [number, number] {
  if (o.role !== 'input') return [o.tiles[0], o.tiles[1]];
  const blocks = (size: number, padding: number): number => {
    const positions = Array.from({ length: o.stride }, (_, phase) => {
      const first = Math.max(0, ceilDiv(padding - phase, o.stride));
      return Math.floor((size - 1 + padding - phase) / o.stride) - first + 1;
    });
    return ceilDiv(Math.max(...positions), form.outputs);
  };
  return [blocks(o.h, o.padding[0]), blocks(o.w, o.padding[1])];
}
