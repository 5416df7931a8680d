// numpy's `.npy` format: a magic string, a version, the length of a header, the header as a Python dictionary in text,
// the elements. https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

import { CheckpointError } from '@forger/tensor';
import type { Budget } from './budget.ts';
import { bytesPerElement, type ElementType, misplaced, readElements, reserve } from './elements.ts';
import { MAX_DIMENSIONS, quote, type WeightEntry } from './entry.ts';
import { rowMajor } from './strided.ts';

const MAGIC = '\x93NUMPY';

/** By numpy's codes, `<` for little-endian and `|` where there is no order. */
const DTYPES: Readonly<Record<string, ElementType>> = {
  '<f4': 'float32',
  '<f8': 'float64',
  '<f2': 'float16',
  '<i8': 'int64',
  '<i4': 'int32',
  '<i2': 'int16',
  '|i1': 'int8',
  '<u8': 'uint64',
  '<u4': 'uint32',
  '<u2': 'uint16',
  '|u1': 'uint8',
  '|b1': 'bool',
};

/** What numpy writes, and in this order; spaces and a trailing comma may be missing. */
const HEADER =
  /^\{\s*'descr':\s*(?<descr>'[^']*'|\[[^\]]*\]),\s*'fortran_order':\s*(?<fortran>True|False),\s*'shape':\s*\((?<shape>[\d\s,L]*)\)\s*,?\s*\}\s*$/;

function damaged(name: string, what: string): CheckpointError {
  return new CheckpointError(`its array ${quote(name)} is damaged (${what}): copy or download it again`);
}

/** Reads one array. @throws CheckpointError when it is damaged, or of Python objects. */
export function readNpy(name: string, bytes: Uint8Array, budget: Budget): WeightEntry {
  const text = (from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));
  if (text(0, 6) !== MAGIC) throw damaged(name, 'it does not begin as numpy writes arrays');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [version, start] = [bytes[6], bytes[6] === 1 ? 10 : 12];
  if (version === undefined || version < 1 || version > 3 || bytes.byteLength < start)
    throw damaged(name, `its format is ${version}; expected 1, 2 or 3`);
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > 65_536 || start + length > bytes.byteLength)
    throw damaged(name, `its header would have ${length} bytes`);
  const header = text(start, start + length);
  const { descr, fortran, shape } = HEADER.exec(header)?.groups ?? {};
  if (descr === undefined || shape === undefined) throw damaged(name, 'its header is not what numpy writes');
  const dtype = readDType(name, descr);
  const sizes = shape
    .split(',')
    .map((n) => n.trim().replace(/L$/, '')) // Python 2 wrote 3L
    .filter((n) => n !== '')
    .map(Number);
  if (sizes.length > MAX_DIMENSIONS) throw damaged(name, `it has ${sizes.length} dimensions`);
  const stride = fortran === 'True' ? rowMajor([...sizes].reverse()).reverse() : rowMajor(sizes);
  const place = { shape: sizes, stride, offset: 0 };
  const data = bytes.subarray(start + length);
  const fault = misplaced(place, Math.floor(data.byteLength / bytesPerElement(dtype)));
  if (fault) throw damaged(name, fault);
  reserve(dtype, sizes, budget);
  return { shape: sizes, dtype, read: async () => readElements(dtype, data, place) };
}

function readDType(name: string, descr: string): ElementType {
  const code = descr.replaceAll("'", '');
  if (code.includes('O'))
    throw new CheckpointError(
      `its array ${quote(name)} holds pickled Python objects (dtype ${quote(code)}), which could run anything; it was refused and nothing in it was run: save arrays of numbers alone`,
    );
  const dtype = Object.hasOwn(DTYPES, code) ? DTYPES[code] : undefined;
  if (!dtype)
    throw new CheckpointError(
      `its array ${quote(name)} has the dtype ${quote(code)}; expected one of ${Object.keys(DTYPES).join(', ')}: convert it with numpy's astype`,
    );
  return dtype;
}
