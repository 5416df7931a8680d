// The table at the end: what was checked and measured, and what is wrong, on one screen.
import { row } from '../benchmark.ts';
import type { Machine } from '../results.ts';
import { isWrong, type StageResult } from './runner.ts';

export interface Heading {
  /** Undefined where no stage has found an adapter. */
  readonly machine: Machine | undefined;
  readonly folder: string;
}

const WIDTH = 120;
const MOST_FIGURES = 20;
const MOST_WRONG = 8;
const columns = [12, 9, -10, -9, 0];

const cut = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, width - 1)}…` : text;

function stageLine(result: StageResult): string {
  const { name, outcome, seconds, limit, checks, headline, reason } = result;
  const held = checks.filter(({ ok }) => ok).length;
  const took = outcome === 'not run' ? '' : `${seconds.toFixed(0)} of ${limit.toFixed(0)} s`;
  const counted = checks.length > 0 ? `${held}/${checks.length}` : '';
  const told = [headline, reason].filter(Boolean).join('; ');
  const shown = isWrong(result) ? outcome.toUpperCase() : outcome;
  return cut(row(columns, [name, shown, took, counted, `  ${told}`]), WIDTH);
}

function wrongLines(results: readonly StageResult[]): string[] {
  const all = results.flatMap(({ name, checks }) =>
    checks.filter(({ ok }) => !ok).map((check) => `${name}: ${check.name}: ${check.detail}`),
  );
  if (all.length === 0) return [];
  const more = all.length > MOST_WRONG ? [`and ${all.length - MOST_WRONG} more, in report.json`] : [];
  return ['', 'WRONG', ...[...all.slice(0, MOST_WRONG), ...more].map((line) => cut(`  ${line}`, WIDTH))];
}

function figureLines(results: readonly StageResult[]): string[] {
  const all = results.flatMap(({ figures }) => figures.filter(({ shown }) => shown).map(({ text }) => text));
  if (all.length === 0) return [];
  const more = all.length > MOST_FIGURES ? [`and ${all.length - MOST_FIGURES} more, in report.json`] : [];
  return ['', ...[...all.slice(0, MOST_FIGURES), ...more].flatMap((line) => wrapped(line))];
}

/** Lines of at most WIDTH characters, broken between words, those after the first further in. */
function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = ' ';
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > WIDTH && line.trim()) {
      lines.push(line);
      line = '     ';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

function conclusion(results: readonly StageResult[]): string {
  const wrong = results.filter(isWrong);
  const notes = results.reduce((sum, result) => sum + result.notes.length, 0);
  const left = notes > 0 ? ` ${notes} notes on what was left out, and why, are in report.json.` : '';
  if (wrong.length === 0) return `Nothing was wrong.${left}`;
  return `Something was wrong in ${wrong.map(({ name }) => name).join(', ')}.${left}`;
}

export function tableLines({ machine, folder }: Heading, results: readonly StageResult[]): string[] {
  const about = machine
    ? [machine.adapter, `${machine.cores} cores of ${machine.cpu}`, `Node ${machine.node}`]
    : ['no adapter was found'];
  return [
    cut(`Forger gpu-check: ${about.join(' · ')}`, WIDTH),
    '',
    row(columns, ['stage', 'outcome', 'time', 'checks', '']),
    ...results.map(stageLine),
    ...figureLines(results),
    ...wrongLines(results),
    '',
    ...(results.length > 0 ? [conclusion(results)] : []),
    `Results: ${folder}`,
  ];
}
