// What a resumed run does otherwise than before: which settings may change, and the record of it in config.json.

import type { BatchState } from '@forger/dcgan/internal';
import { ConfigError } from '@forger/tensor';
import type { CheckpointMeta } from './checkpoint.ts';
import { type Change, RECORDED, type TrainConfig } from './config.ts';

/** The state that a resumed run starts from. */
export interface Before {
  readonly step: number;
  readonly meta: CheckpointMeta;
}

export interface Now {
  readonly config: TrainConfig;
  /** Of the data that are open. */
  readonly fingerprint: string;
  /** The run folder, for messages. */
  readonly folder: string;
  /** The data were named when the run was resumed, so they may be other ones. */
  readonly named: boolean;
}

/**
 * The changes of a run so far, those that are made now at its end; each says from which step on.
 * @throws ConfigError when the data are other ones, and nobody said so.
 */
export function changesOf({ step, meta }: Before, now: Now): Change[] {
  const { config, fingerprint } = now;
  const saved = meta.config;
  const changes = [...(saved.changes ?? [])];
  for (const setting of RECORDED) {
    const [from, to] = [saved[setting] ?? null, config[setting] ?? null];
    if (from !== to) changes.push({ step, setting, from, to });
  }
  if (meta.data.fingerprint !== fingerprint) {
    if (!now.named && !isRecorded(config, step, fingerprint)) throw otherData(now);
    const [from, to] = [dataOf(saved), dataOf(config)];
    changes.push({ step, setting: 'data', from, to, fingerprint });
  }
  return changes;
}

/** Whether config.json records other data from some step on. */
export function isRecorded({ changes = [] }: TrainConfig, step: number, fingerprint: string): boolean {
  return changes.some((change) => change.step === step && change.fingerprint === fingerprint);
}

const dataOf = ({ data, dataB }: TrainConfig): string => (dataB === undefined ? data : `${data}, ${dataB}`);

export function otherData({ config, folder }: Pick<Now, 'config' | 'folder'>): ConfigError {
  return new ConfigError(
    `${folder} was trained on other pictures than ${config.data} holds now: say where the old ones are with --data, or name these with it to go on with them, which config.json then records`,
  );
}

/** One sentence on a change. */
export function sentenceOf({ step, setting, from, to }: Change): string {
  return setting === 'data'
    ? `From step ${step} on the data are other ones: ${to}, with another fingerprint than ${from} had. config.json records it under changes.`
    : `From step ${step} on ${setting} is ${to ?? "the recipe's"}, and was ${from ?? "the recipe's"}. config.json records it under changes.`;
}

/**
 * Where to go on in the data. With another batch size, at the batch that holds the first image that was not
 * trained on yet in the epoch; with other data, at the beginning of the next epoch.
 * @param fresh the place where batches of the present data begin.
 */
export function placeInData(
  { meta }: Before,
  { batchSize }: TrainConfig,
  batches: { fingerprint: string; batchesPerEpoch: number; state(): BatchState },
): BatchState {
  const { fingerprint, ...saved } = meta.data;
  const same = fingerprint === batches.fingerprint;
  if (same && meta.config.batchSize === batchSize) return saved;
  const { epoch, position, others } = saved;
  const ahead = same ? Math.floor((position * meta.config.batchSize) / batchSize) : batches.batchesPerEpoch;
  const next = epoch + (position > 0 ? 1 : 0);
  const place =
    position > 0 && ahead < batches.batchesPerEpoch
      ? { epoch, position: ahead }
      : { epoch: next, position: 0 };
  const names = Object.keys(batches.state().others ?? {});
  if (names.length === 0) return place;
  const start = (name: string) => ({ epoch: (others?.[name]?.epoch ?? epoch) + 1, position: 0 });
  return { ...place, others: Object.fromEntries(names.map((name) => [name, start(name)])) };
}
