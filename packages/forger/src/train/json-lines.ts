// A file of a run that holds a JSON object a line, each of some step: evaluations.jsonl, diagnosis.jsonl.
// Lines are few, so each is written at once; metrics.jsonl, which has one for every step, is metrics-log.ts.

import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { appendWhole, writeAtomic } from '../atomic-file.ts';

/** Something that belongs to a step. */
export interface Line {
  readonly step: number;
}

/** Appends to, reads and shortens one such file. */
export class JsonLines<T extends Line> {
  readonly path: string;
  readonly #parse: (value: unknown) => T | undefined;

  /** @param parse gives a line from what was read, or undefined for what is none: that is left out. */
  constructor(path: string, parse: (value: unknown) => T | undefined) {
    this.path = path;
    this.#parse = parse;
  }

  /** Adds a line, also after a power cut. @throws ConfigError when it cannot be written; then the file is as before. */
  append(line: T): void {
    appendWhole(this.path, `${JSON.stringify(line)}\n`, true);
  }

  /** All whole lines. One that a crash cut short is left out. */
  read(): T[] {
    return this.#lines().map(({ line }) => line);
  }

  /** Drops the lines after a step, and any torn one, so that a resumed run repeats none. */
  async truncate(lastStep: number): Promise<void> {
    if (!existsSync(this.path)) return;
    const kept = this.#lines().filter(({ line }) => line.step <= lastStep);
    if (kept.length === 0) await rm(this.path, { force: true });
    else await writeAtomic(this.path, kept.map(({ text }) => `${text}\n`).join(''));
  }

  #lines(): { text: string; line: T }[] {
    if (!existsSync(this.path)) return [];
    return readFileSync(this.path, 'utf8')
      .split('\n')
      .flatMap((text) => {
        const line = this.#lineOf(text);
        return line ? [{ text, line }] : [];
      });
  }

  #lineOf(text: string): T | undefined {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return undefined;
    }
    return this.#parse(value);
  }
}
