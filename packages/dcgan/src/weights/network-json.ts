// A network's description as JSON: `info --describe FILE` writes one, the user corrects it, `--network FILE` reads it.

import { ConfigError } from '@forger/tensor';
import { shown } from '../printable.ts';
import { LABEL_JOINS } from './label-embedding.ts';
import type { LayerPlan, NetworkPlan } from './network-plan.ts';

/** The text of a description, one layer a line. */
export function writeNetworkJson({ layers, ...plan }: NetworkPlan): string {
  const head = JSON.stringify(plan, null, 2).slice(0, -2);
  const lines = layers.map(
    (layer) => `    ${JSON.stringify(layer).replaceAll(':', ': ').replaceAll(',', ', ')}`,
  );
  return `${head},\n  "layers": [\n${lines.join(',\n')}\n  ]\n}\n`;
}

type Check = (value: unknown) => boolean;

const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 1;
const size: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const pairOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length === 2 && value.every(check);
const name: Check = (value) => typeof value === 'string';
const flag: Check = (value) => typeof value === 'boolean';
const number: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    values.includes(value as string);

const conv = {
  name,
  inChannels: count,
  outChannels: count,
  kernelSize: pairOf(count),
  stride: pairOf(count),
  padding: pairOf(size),
  bias: flag,
  spectralNorm: optional(flag),
};
const norm = { name, features: count, affine: flag, eps: number };

/** The fields of each type of layer. */
const FIELDS: Readonly<Record<LayerPlan['type'], Readonly<Record<string, Check>>>> = {
  Conv2d: conv,
  ConvTranspose2d: { ...conv, outputPadding: optional(pairOf(size)) },
  Linear: { name, inFeatures: count, outFeatures: count, bias: flag, spectralNorm: optional(flag) },
  BatchNorm1d: norm,
  BatchNorm2d: norm,
  InstanceNorm2d: norm,
  LabelEmbedding: { name, classes: count, features: count, join: oneOf(...LABEL_JOINS) },
  Upsample: { scaleFactor: count, mode: oneOf('nearest', 'bilinear') },
  Reshape: { shape: (value) => Array.isArray(value) && value.length > 0 && value.every(count) },
  Flatten: {},
  GlobalAvgPool: {},
  LeakyReLU: { negativeSlope: number },
  ReLU: {},
  Tanh: {},
  Sigmoid: {},
  ELU: {},
  GELU: {},
  SiLU: {},
  Softplus: {},
};

const PLAN: Readonly<Record<string, Check>> = {
  network: oneOf('generator', 'discriminator'),
  imageSize: count,
  channels: count,
  latent: (value) => isRecord(value) && count(value.size) && oneOf('normal', 'uniform')(value.distribution),
  pixelRange: oneOf('tanh', 'sigmoid'),
  channelOrder: oneOf('rgb', 'bgr'),
  layers: (value) => Array.isArray(value) && value.length > 0,
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @param from the file's name, for messages. @throws ConfigError for what is no description, naming the field. */
export function parseNetworkJson(text: string, from: string): NetworkPlan {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(
      `${from} is no JSON (${shown((error as Error).message)}); expected a network as forger info --describe writes it`,
    );
  }
  if (!isRecord(value))
    throw new ConfigError(`${from}: expected an object with ${Object.keys(PLAN).join(', ')}`);
  checkFields(value, PLAN, from);
  for (const [i, layer] of (value.layers as unknown[]).entries()) {
    const type = isRecord(layer) ? String(layer.type) : '';
    if (!isRecord(layer) || !Object.hasOwn(FIELDS, type))
      throw new ConfigError(
        `${from}: layer ${i + 1} has the type ${shown(type)}; there are ${Object.keys(FIELDS).join(', ')}`,
      );
    const { type: _, ...fields } = layer;
    checkFields(fields, FIELDS[type as LayerPlan['type']], `${from}: layer ${i + 1}, ${type}`);
  }
  return value as unknown as NetworkPlan;
}

function checkFields(
  value: Record<string, unknown>,
  checks: Readonly<Record<string, Check>>,
  where: string,
): void {
  for (const [field, check] of Object.entries(checks))
    if (!check(value[field]))
      throw new ConfigError(
        `${where}: ${field} is ${shown(JSON.stringify(value[field]) ?? 'missing')}, which is no value of it`,
      );
  const other = Object.keys(value).find((field) => !Object.hasOwn(checks, field));
  if (other !== undefined)
    throw new ConfigError(
      `${where}: there is no ${shown(other)}; the fields are ${Object.keys(checks).join(', ') || 'none'}`,
    );
}
