// Batched products of matrices that lie in textures, four entries to a texel (shaders/gemm/texel_product.wgsl).
import { type PooledTexture, textureWidth } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import { empty } from '../../tensor.ts';

/** Entries along a panel of a matrix. */
export const panel = 32;

/**
 * A batch of matrices of texels: texel (q, i) holds entries 4q to 4q + 3 of one axis at entry i of the other.
 * It lies at [batch][⌊i / panel⌋][q][i mod panel]. `length`, the range of i, is a multiple of `panel`, with
 * zeros past the last entry.
 */
export interface TexelMatrix {
  readonly texture: PooledTexture;
  readonly batch: number;
  readonly quads: number;
  readonly length: number;
}

/** A matrix of a product, and whether a texel's four entries lie along the inner axis or along the outer one. */
export interface TexelOperand extends TexelMatrix {
  readonly along: 'inner' | 'outer';
}

const workgroup = 16;

/** Columns of C that a workgroup makes. */
const columnsOfTile = 8 * workgroup;

/** Rows of C that a workgroup makes: the fewer only where the rest would be empty. */
const rowsOfTile = (rows: number): 16 | 32 => (rows <= 16 ? 16 : 32);

const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);

/** Workgroups of a product. */
export const tilesOf = (rows: number, columns: number): number =>
  ceilDiv(rows, rowsOfTile(rows)) * ceilDiv(columns, columnsOfTile);

/** Work of a product whose rows and columns are rounded up to whole tiles. */
const paddedSize = (rows: number, columns: number): number =>
  tilesOf(rows, columns) * rowsOfTile(rows) * columnsOfTile;

/**
 * Records C[a, b] = Σ_k A[a, k] B[b, k] for each matrix of the batch; a texel of C has four entries along A's
 * outer axis, at an entry of B's. Either may be the rows, whichever wastes less of a tile.
 */
export function texelProduct(
  device: Device,
  name: string,
  a: TexelOperand,
  b: TexelOperand,
  c: TexelMatrix,
): void {
  // What C has room for: an operand's zeros past the end are not multiplied.
  const [m, n] = [4 * c.quads, c.length];
  const swapped = paddedSize(n, m) < paddedSize(m, n);
  const [left, right, rows, columns] = swapped ? [b, a, n, m] : [a, b, m, n];
  const tile = rowsOfTile(rows);
  const blocks = a.along === 'inner' ? a.quads : a.length / 4;
  const size = (m: TexelMatrix): number => m.quads * m.length;
  const product = empty([4 * c.batch * size(c)], { device });
  device.dispatch(
    {
      name: 'texel_product',
      files: ['gemm/texel_product.wgsl', 'gemm/texel_tile.wgsl'],
      constants: {
        WORKGROUP: workgroup,
        TEXTURE_WIDTH: textureWidth,
        PANEL: panel,
        ROWS: tile,
        A_INNER: left.along === 'inner',
        B_INNER: right.along === 'inner',
        C_COLUMNS: swapped,
      },
      bindings: ['texture-read', 'texture-read', 'write'],
      subgroups: true,
    },
    [blocks, rows, columns, left.quads, right.quads, c.quads, size(left), size(right), size(c), 2],
    [left.texture, right.texture, product.range],
    [ceilDiv(rows, tile), ceilDiv(columns, columnsOfTile), a.batch],
    { name, flop: 2 * a.batch * rows * columns * 4 * blocks, sizes: [a.batch, m, n, 4 * blocks] },
  );
  device.copyToTexture(product.range, c.texture);
  product.dispose();
}
