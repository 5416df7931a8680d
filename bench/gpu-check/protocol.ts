// Records that a stage sends while it runs: JSON objects, one per line, on file descriptor 3 of its process,
// since drivers and Python write to the others. Records that were sent before a crash are not lost.
import { writeSync } from 'node:fs';

/** Something that must hold. One that does not makes the stage wrong. */
export interface Check {
  readonly type: 'check';
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly data?: object;
}

/** Something measured. */
export interface Figure {
  readonly type: 'figure';
  readonly name: string;
  /** One line for people. */
  readonly text: string;
  readonly data: object;
  /** Whether the table at the end has it. */
  readonly shown: boolean;
}

/** The figure of this name says what machine it is. */
export const MACHINE = 'machine';

/** Something to know: what was left out, and why. */
export interface Note {
  readonly type: 'note';
  readonly text: string;
}

/** What the stage comes to, in a few words for its line of the table; the last one counts. */
export interface Headline {
  readonly type: 'headline';
  readonly text: string;
}

/** The last word: the stage went through to its end, or does not apply here. */
export interface End {
  readonly type: 'done' | 'skipped';
  readonly text: string;
}

/** An error that ended the stage. */
export interface Failure {
  readonly type: 'error';
  readonly text: string;
}

export type StageRecord = Check | Figure | Note | Headline | End | Failure;

export const RECORDS_FD = 3;

/** Writes one record at once. */
export function send(record: StageRecord): void {
  writeSync(RECORDS_FD, `${JSON.stringify(record)}\n`);
}
