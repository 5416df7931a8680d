// JSON as text that says what `value` says, or, where the draw twists it, something hostile.

import type { Draw } from './draw.ts';

/** What stands in for a value; some of it is no JSON. */
const VALUES = [
  'null',
  'true',
  '[]',
  '{}',
  '""',
  '-0',
  '1e999',
  '-1e999',
  '1e-400',
  '0.1',
  '-1',
  '2147483648',
  '4294967296',
  '9007199254740992',
  '1125899906842624',
  '"12"',
  '"NaN"',
  'NaN',
  'undefined',
  "'text'",
  '[[[[]]]]',
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"toString":1,"valueOf":2}',
  '/**/1',
  '1,',
  '\u0000',
];

/** Nested far deeper than anything that is meant. */
const DEPTH = 20_000;

export function json(draw: Draw, value: unknown): string {
  if (draw.twists()) {
    const deep = draw.pick(['[', '{"a":']);
    if (draw.chance(0.05)) return `${deep.repeat(DEPTH)}1${(deep === '[' ? ']' : '}').repeat(DEPTH)}`;
    if (draw.chance(0.2)) return JSON.stringify(draw.hostileText());
    return draw.pick(VALUES);
  }
  if (Array.isArray(value)) return `[${draw.list(value.map((item) => json(draw, item))).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(
      ([key, field]) => `${JSON.stringify(draw.text(key))}:${json(draw, field)}`,
    );
    return `{${draw.list(fields).join(',')}}`;
  }
  if (typeof value === 'number') {
    const n = draw.number(value);
    return Number.isFinite(n) ? String(n) : JSON.stringify(String(n));
  }
  return JSON.stringify(typeof value === 'string' ? draw.text(value) : value);
}
