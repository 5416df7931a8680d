// Eigenvalues and eigenvectors of symmetric matrices in float64: Householder's reduction to a tridiagonal matrix, then
// the QL method with implicit shifts. Golub and Van Loan, "Matrix Computations", sections 8.3.1 and 8.3.3. It
// takes about 4 n³ operations and always converges in practice; nothing is assumed of rank or sign.

/** A = Σ values[k] · vectors[k] vectors[k]ᵀ, values ascending. */
export interface Eigen {
  readonly values: Float64Array;
  /** Row k is the unit eigenvector of `values[k]`; absent when only values were asked for. */
  readonly vectors?: readonly Float64Array[];
}

/** Steps of the QL method for one eigenvalue; two are usual. */
const MOST_ITERATIONS = 100;

/**
 * Eigenvalues, and eigenvectors unless told otherwise, of a symmetric matrix.
 * @param matrix n rows of n; only the lower triangle is read.
 * @throws RangeError when it holds NaN or infinity.
 */
export function symmetricEigen(matrix: readonly Float64Array[], withVectors = true): Eigen {
  const n = matrix.length;
  const a = matrix.map((row, i) => {
    const copy = new Float64Array(n);
    copy.set(row.subarray(0, i + 1));
    return copy;
  });
  if (a.some((row) => !row.every(Number.isFinite)))
    throw new RangeError('a matrix with NaN or infinity has no eigenvalues');
  const { diagonal, beside, q } = tridiagonal(a, withVectors);
  implicitQL(diagonal, beside, q);
  const order = Array.from(diagonal.keys()).sort((i, j) => diagonal[i]! - diagonal[j]!);
  const values = Float64Array.from(order, (i) => diagonal[i]!);
  return q ? { values, vectors: order.map((i) => q[i]!) } : { values };
}

interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** beside[i] couples i and i + 1; the last is 0. */
  readonly beside: Float64Array;
  /** Rows are the basis in which the matrix is tridiagonal. */
  readonly q: Float64Array[] | undefined;
}

/**
 * Takes the last row first: reflector k makes row k zero to the left of its subdiagonal. The lower triangle is used up.
 */
function tridiagonal(a: Float64Array[], withVectors: boolean): Tridiagonal {
  const n = a.length;
  const diagonal = new Float64Array(n);
  const beside = new Float64Array(n);
  /** u of H = I - u uᵀ / h, of length k; null where row k is done already. */
  const reflectors: ({ u: Float64Array; h: number } | null)[] = new Array(n).fill(null);
  for (let k = n - 1; k >= 1; k--) {
    const row = a[k]!;
    diagonal[k] = row[k]!;
    let scale = 0;
    for (let j = 0; j < k - 1; j++) scale = Math.max(scale, Math.abs(row[j]!));
    if (scale === 0) {
      beside[k - 1] = row[k - 1]!;
      continue;
    }
    scale = Math.max(scale, Math.abs(row[k - 1]!));
    // x becomes -sign(x_last) |x| e_last: the sign that cancels nothing.
    const u = new Float64Array(k);
    let square = 0;
    for (let j = 0; j < k; j++) {
      u[j] = row[j]! / scale;
      square += u[j]! ** 2;
    }
    const last = u[k - 1]!;
    const root = last >= 0 ? Math.sqrt(square) : -Math.sqrt(square);
    beside[k - 1] = -scale * root;
    u[k - 1] = last + root;
    const h = square + last * root;
    reflectors[k] = { u, h };
    reflect(a, u, h, k);
  }
  if (n > 0) diagonal[0] = a[0]![0]!;
  return { diagonal, beside, q: withVectors ? basis(reflectors, n) : undefined };
}

/** A ← H A H of the leading k × k block, lower triangle: A - u qᵀ - q uᵀ with p = A u / h, q = p - u (uᵀ p) / 2h. */
function reflect(a: Float64Array[], u: Float64Array, h: number, k: number): void {
  const p = new Float64Array(k);
  for (let i = 0; i < k; i++) {
    const row = a[i]!;
    const ui = u[i]!;
    let sum = row[i]! * ui;
    for (let j = 0; j < i; j++) {
      sum += row[j]! * u[j]!;
      p[j]! += row[j]! * ui;
    }
    p[i]! += sum;
  }
  let along = 0;
  for (let i = 0; i < k; i++) {
    p[i]! /= h;
    along += u[i]! * p[i]!;
  }
  const half = along / (2 * h);
  for (let i = 0; i < k; i++) p[i]! -= half * u[i]!;
  for (let i = 0; i < k; i++) {
    const row = a[i]!;
    const [ui, pi] = [u[i]!, p[i]!];
    for (let j = 0; j <= i; j++) row[j]! -= ui * p[j]! + pi * u[j]!;
  }
}

/** The product of the reflectors, transposed: row i is what the i-th basis vector of the tridiagonal matrix is. */
function basis(reflectors: readonly ({ u: Float64Array; h: number } | null)[], n: number): Float64Array[] {
  const q = Array.from({ length: n }, (_, i) => {
    const row = new Float64Array(n);
    row[i] = 1;
    return row;
  });
  for (let k = 1; k < n; k++) {
    const reflector = reflectors[k];
    if (!reflector) continue;
    const { u, h } = reflector;
    for (let i = 0; i < k; i++) {
      const row = q[i]!;
      let sum = 0;
      for (let j = 0; j < k; j++) sum += row[j]! * u[j]!;
      sum /= h;
      for (let j = 0; j < k; j++) row[j]! -= sum * u[j]!;
    }
  }
  return q;
}

/** Diagonalises in place; rows of q turn into eigenvectors. */
function implicitQL(diagonal: Float64Array, beside: Float64Array, q: Float64Array[] | undefined): void {
  const n = diagonal.length;
  for (let low = 0; low < n; low++) {
    for (let iteration = 0; ; iteration++) {
      let end = low;
      while (end < n - 1) {
        const size = Math.abs(diagonal[end]!) + Math.abs(diagonal[end + 1]!);
        if (Math.abs(beside[end]!) <= Number.EPSILON * size) break;
        end++;
      }
      if (end === low) break;
      if (iteration === MOST_ITERATIONS) throw new RangeError('the eigenvalues did not converge');
      // Wilkinson's shift: the eigenvalue of the first 2 × 2 block that is nearer to its corner.
      const ratio = (diagonal[low + 1]! - diagonal[low]!) / (2 * beside[low]!);
      const radius = Math.hypot(ratio, 1);
      let g = diagonal[end]! - diagonal[low]! + beside[low]! / (ratio + (ratio >= 0 ? radius : -radius));
      let [sine, cosine, shift] = [1, 1, 0];
      let i = end - 1;
      for (; i >= low; i--) {
        const f = sine * beside[i]!;
        const b = cosine * beside[i]!;
        const r = Math.hypot(f, g);
        beside[i + 1] = r;
        if (r === 0) {
          diagonal[i + 1]! -= shift;
          beside[end] = 0;
          break;
        }
        sine = f / r;
        cosine = g / r;
        g = diagonal[i + 1]! - shift;
        const t = (diagonal[i]! - g) * sine + 2 * cosine * b;
        shift = sine * t;
        diagonal[i + 1] = g + shift;
        g = cosine * t - b;
        if (q) rotate(q[i]!, q[i + 1]!, cosine, sine);
      }
      if (i >= low) continue;
      diagonal[low]! -= shift;
      beside[low] = g;
      beside[end] = 0;
    }
  }
}

function rotate(x: Float64Array, y: Float64Array, cosine: number, sine: number): void {
  for (let k = 0; k < x.length; k++) {
    const f = y[k]!;
    y[k] = sine * x[k]! + cosine * f;
    x[k] = cosine * x[k]! - sine * f;
  }
}
