// The results of a gpu-check as files, written as they come: whatever ends it, what was found until then is there.
//   results.jsonl  every record as a stage sent it      report.json  all results      table.txt  the table
//   logs/STAGE.txt  what the stage's process wrote on stdout and stderr
import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from '../results.ts';
import { MACHINE, type StageRecord } from './protocol.ts';
import { isWrong, type StageProcess, type StageResult } from './runner.ts';
import { type Heading, tableLines } from './table.ts';

export class Results {
  readonly folder: string;
  readonly #options: object;
  readonly #results: StageResult[] = [];
  #machine: Machine | undefined;

  /** @param options what the check was asked for; they are kept in the report. */
  constructor(folder: string, options: object) {
    this.folder = folder;
    this.#options = options;
    mkdirSync(join(folder, 'logs'), { recursive: true });
    this.#write();
  }

  record({ name }: StageProcess, record: StageRecord): void {
    if (record.type === 'figure' && record.name === MACHINE)
      this.#machine = { ...(record.data as Machine), ...this.#machine };
    const line = JSON.stringify({ stage: name, at: new Date().toISOString(), ...record });
    appendFileSync(join(this.folder, 'results.jsonl'), `${line}\n`);
  }

  output({ name }: StageProcess, text: string): void {
    appendFileSync(join(this.folder, 'logs', `${name}.txt`), text);
  }

  result(result: StageResult): void {
    this.#results.push(result);
    this.#write();
  }

  get machine(): Machine | undefined {
    return this.#machine;
  }

  /** The report without the machine, as files under bench/results/ have it beside theirs. */
  get body(): object {
    const wrong = this.#results.filter(isWrong).map(({ name }) => name);
    return { options: this.#options, wrong, stages: this.#results };
  }

  table(): string[] {
    const heading: Heading = { machine: this.#machine, folder: this.folder };
    return tableLines(heading, this.#results);
  }

  #write(): void {
    const report = { benchmark: 'gpu-check', machine: this.#machine ?? null, ...this.body };
    writeWhole(join(this.folder, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
    writeWhole(join(this.folder, 'table.txt'), `${this.table().join('\n')}\n`);
  }
}

/** A reader finds the old content or the new, never a part. */
function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.part`, text);
  renameSync(`${path}.part`, path);
}
