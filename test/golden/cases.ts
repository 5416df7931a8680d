/**
 * Golden cases: results and gradients that PyTorch computed in float64, mapped to the reference's operations.
 *
 * A folder holds one safetensors file per family of operations. The metadata key `cases` is a JSON list of
 * `{id, op, args, inputs, grads}`; case i has the tensors `case/i/<input>`, `case/i/y`, `case/i/gy` and
 * `case/i/grad_<input>`. Nothing here depends on which cases a file has: names, shapes and arguments come from it.
 */
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Ref } from '../reference/array.ts';
import { type ReferenceOpName, referenceOps } from '../reference/index.ts';
import { readTensorFile, type TensorFile } from './files.ts';
import { recoverOperand } from './recover.ts';

export interface GoldenCase {
  family: string;
  id: number;
  /** The reference operation's name. */
  op: ReferenceOpName;
  /** In the reference operation's order. */
  inputs: Ref[];
  inputNames: string[];
  args: unknown;
  y: Ref;
  gy: Ref;
  /** By input name. */
  grads: Record<string, Ref>;
  /** Further expected results: newRunningMean and newRunningVar of batchNorm in training. */
  extra: Record<string, Ref>;
  /** Names of inputs that the file does not hold and that were worked out from the rest (see recover.ts). */
  recovered: string[];
}

/** A case as the file describes it. */
export interface GoldenEntry {
  id: number;
  op: string;
  args: Record<string, unknown> & { kind?: string };
  inputs: string[];
  grads: string[];
}

export interface GoldenFile {
  family: string;
  file: TensorFile;
  entries: GoldenEntry[];
}

const camelCase = (name: string) => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** Kinds that the reference calls otherwise. */
const aliases: Record<string, ReferenceOpName> = { pow2: 'squaredDifference' };

/** PyTorch's defaults for arguments that the reference requires and a case may leave out. */
const defaults: Partial<Record<ReferenceOpName, Record<string, unknown>>> = {
  leakyRelu: { negativeSlope: 0.01 },
  elu: { alpha: 1 },
  batchNorm: { training: false, momentum: 0.1, eps: 1e-5 },
  instanceNorm: { eps: 1e-5 },
  bce: { reduction: 'mean' },
  bceWithLogits: { reduction: 'mean' },
  mse: { reduction: 'mean' },
  l1: { reduction: 'mean' },
  crossEntropy: { reduction: 'mean' },
  softplusGan: { reduction: 'mean' },
};

/** The reference's operation and arguments for a stored case; throws for an operation that the reference lacks. */
function operationOf(
  entry: GoldenEntry,
  where: string,
): { op: ReferenceOpName; args: Record<string, unknown> } {
  const { kind = entry.op, ...stored } = entry.args;
  const name = aliases[kind] ?? camelCase(kind);
  if (!Object.hasOwn(referenceOps, name)) throw new Error(`${where}: there is no operation "${kind}" here.`);
  const op = name as ReferenceOpName;
  const args = { ...defaults[op] };
  for (const [key, value] of Object.entries(stored)) args[camelCase(key)] = value;
  if (op === 'batchNorm' || op === 'instanceNorm') args.affine = entry.inputs.includes('weight');
  if (op === 'batchNorm') args.runningStats = entry.inputs.includes('running_mean');
  return { op, args };
}

/** Input names in the reference operation's order, which differs from the files' for batchNorm alone. */
function orderedInputs(op: ReferenceOpName, names: string[]): string[] {
  if (op !== 'batchNorm') return names;
  return ['x', 'weight', 'bias', 'running_mean', 'running_var'].filter((name) => names.includes(name));
}

/** One case of a file; throws when the file lacks a tensor or the operation is unknown. */
export function goldenCase({ family, file }: GoldenFile, entry: GoldenEntry): GoldenCase {
  const where = `${family}, case ${entry.id}`;
  const prefix = `case/${entry.id}/`;
  const tensor = (name: string): Ref => {
    const found = file.tensors.get(prefix + name);
    if (found === undefined) throw new Error(`${where}: the file has no tensor "${prefix}${name}".`);
    return found;
  };
  const { op, args } = operationOf(entry, where);
  const names = orderedInputs(op, entry.inputs);
  const recover = (): Ref => {
    const [first, second] = names;
    if (second !== 'y' || names.length !== 2)
      throw new Error(`${where}: input "y" is overwritten by the result.`);
    const [x, gradX] = [tensor(`${first}`), tensor(`grad_${first}`)];
    return recoverOperand(op, args, {
      x,
      gradX,
      gradY: tensor('grad_y'),
      result: tensor('y'),
      gy: tensor('gy'),
    });
  };
  const inputs = names.map((name) => (name === 'y' ? recover() : tensor(name)));
  const known = new Set(['y', 'gy', ...entry.inputs, ...entry.grads.map((name) => `grad_${name}`)]);
  const others = [...file.tensors.keys()]
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length))
    .filter((name) => !known.has(name));
  const named = (list: string[], prefixOfName = '') =>
    Object.fromEntries(list.map((name) => [camelCase(name), tensor(prefixOfName + name)]));
  return {
    family,
    id: entry.id,
    op,
    inputs,
    inputNames: names.map(camelCase),
    args,
    y: tensor('y'),
    gy: tensor('gy'),
    grads: named(entry.grads, 'grad_'),
    extra: named(others),
    recovered: names.filter((name) => name === 'y'),
  };
}

/** One golden file; throws when it has no list of cases. */
export function openGoldenFile(path: string): GoldenFile {
  const file = readTensorFile(path);
  const { cases } = file.metadata;
  if (cases === undefined) throw new Error(`${path} has no "cases" in its metadata.`);
  return { family: basename(path, '.safetensors'), file, entries: JSON.parse(cases) as GoldenEntry[] };
}

/** The golden files of a folder in alphabetical order, each opened when it is reached. */
export function* goldenFiles(folder: string): Iterable<GoldenFile> {
  for (const name of readdirSync(folder).sort()) {
    if (name.endsWith('.safetensors')) yield openGoldenFile(join(folder, name));
  }
}

/** Every case of every file in the folder, or those of some operations: the others' operands are not worked out. */
export function* goldenCases(folder: string, ops?: readonly string[]): Iterable<GoldenCase> {
  for (const file of goldenFiles(folder)) {
    for (const entry of file.entries) {
      const { op } = operationOf(entry, `${file.family}, case ${entry.id}`);
      if (!ops || ops.includes(op)) yield goldenCase(file, entry);
    }
  }
}
