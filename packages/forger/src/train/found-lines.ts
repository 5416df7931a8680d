// Lines of evaluations.jsonl and diagnosis.jsonl as they are read: from this program or, since run folders
// are passed on, from anywhere.

import { type DiagnosisEvent, type Evaluation, FINDINGS, type FindingKind } from '@forger/dcgan';
import { z } from 'zod';

/** A line of evaluations.jsonl. */
export type EvaluationLine = Evaluation & {
  readonly step: number;
  /** Seconds of training so far. */
  readonly seconds: number;
  /** The average of weights that was evaluated; absent for the networks' own. */
  readonly average?: string;
};

const step = z.int().min(0);
/** JSON has no NaN: it is written as null. */
const number = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);

const value = z.object({
  title: z.string(),
  better: z.literal(['smaller', 'larger']),
  ideal: z.union([z.number(), z.literal('floor')]).exactOptional(),
  digits: z.int().min(1).max(20).exactOptional(),
  metric: z.string(),
  value: number,
  standardError: number.exactOptional(),
  floor: number.exactOptional(),
  floorStandardError: number.exactOptional(),
});

const evaluation = z.object({
  step,
  seconds: number,
  average: z.string().exactOptional(),
  generated: z.string(),
  real: z.string(),
  floor: z.string().exactOptional(),
  count: z.int().min(1),
  seed: z.int().min(0),
  network: z.object({ name: z.string(), title: z.string(), hash: z.string(), size: z.int().min(1) }),
  values: z.record(z.string(), value),
  details: z.record(z.string(), z.unknown()),
  notes: z.array(z.string()),
});

const event = z.object({
  step,
  kind: z.literal(Object.keys(FINDINGS) as FindingKind[]),
  state: z.literal(['began', 'over']),
  title: z.string(),
  evidence: z.string(),
  advice: z.string(),
});

/** Undefined for what is no such line. */
export function parseEvaluation(line: unknown): EvaluationLine | undefined {
  return evaluation.safeParse(line).data;
}

/** Undefined for what is no such line. */
export function parseEvent(line: unknown): DiagnosisEvent | undefined {
  return event.safeParse(line).data;
}
