// Command lines: every command and flag with values that may be anything. Training does not begin, since the run folder
// that is asked for last can never be made.

import { run } from '../../../packages/forger/src/cli/program.ts';
import type { Draw } from '../draw.ts';
import { type Parser, sane, single } from '../parser.ts';

/** Flags of each command with a value that is right. */
const FLAGS: Record<string, [flag: string, value?: string][]> = {
  train: [
    ['--recipe', 'pytorch'],
    ['--data', 'glyphs'],
    ['--data-dir', 'folder'],
    ['--background', 'white'],
    ['--image-size', '32'],
    ['--width', '8'],
    ['--channels', '1'],
    ['--batch-size', '8'],
    ['--lr', '0.001'],
    ['--epochs', '1'],
    ['--steps', '4'],
    ['--minutes', '1'],
    ['--seed', '3'],
    ['--sample-every', '2'],
    ['--checkpoint-every', '2'],
    ['--precision', 'float32'],
    ['--precision', 'mixed'],
    ['--loss', 'hinge'],
    ['--label-smoothing', '0.1'],
    ['--n-dis', '2'],
    ['--d-lr', '1e-4'],
    ['--g-lr', '1e-4'],
    ['--ema', '0.9'],
    ['--noise', '0.1'],
    ['--tune', 'off'],
    ['--profile', '3'],
    ['--spectral-norm'],
    ['--eager'],
    ['--quiet'],
    ['--json'],
    ['--resume', 'nowhere'],
  ],
  sample: [
    ['--count', '4'],
    ['--seed', '1'],
    ['--out', 'x.png'],
    ['--key', 'netG'],
  ],
  info: [['--key', 'ema']],
  convert: [['--network', 'generator'], ['--key', 'x'], ['--uint8']],
};

const NUMBERS = [
  '0',
  '-1',
  '1e999',
  'NaN',
  '0x10',
  ' 5 ',
  '1_000',
  '4294967296',
  '9007199254740993',
  '1e-400',
  '٣',
];

function commandLine(draw: Draw): string[] {
  const [command, flags] = draw.pick(Object.entries(FLAGS));
  const value = (right: string) => {
    if (!draw.twists()) return right;
    return draw.chance(0.4) ? draw.pick(NUMBERS) : draw.hostileText();
  };
  const words: string[] = [draw.text(command)];
  if (command !== 'train') words.push(value('nowhere'));
  if (command === 'convert') words.push(value('out.onnx'));
  for (let n = draw.int(0, 6); n > 0; n--) {
    const [flag, right] = draw.pick(flags);
    const name = draw.text(flag);
    if (right === undefined) words.push(name);
    else if (draw.chance(0.3)) words.push(`${name}=${value(right)}`);
    else words.push(name, value(right));
  }
  const list = draw.list(words);
  // The last one counts; it is below a file, where no folder can be.
  return list.some((word) => word.startsWith('--resume')) || command !== 'train' ? list : [...list, '--out'];
}

/** What a terminal would take for a command. */
const CONTROL = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

const parser: Parser = {
  name: 'flags',
  title: 'command lines',
  generate: (draw) => single('file', 'x', { args: commandLine(draw) }),
  read: async (path, { options }) => {
    const args = (options as { args: string[] }).args;
    const words = args.at(-1) === '--out' ? [...args, `${path}/run`] : args;
    const printed: string[] = [];
    const [log, error, write] = [console.log, console.error, process.stdout.write];
    console.log = (...line: unknown[]) => printed.push(...line.join(' ').split('\n'));
    console.error = (...line: unknown[]) => printed.push(line.join(' '));
    process.stdout.write = () => true;
    let code: number;
    try {
      code = await run(words);
    } finally {
      [console.log, console.error, process.stdout.write] = [log, error, write];
    }
    const text = printed.join(' | ').slice(0, 300);
    sane([0, 1, 2].includes(code), `ended with ${code}: ${text}`);
    sane(code === 0 || printed[0]?.startsWith('forger: ') === true, `said ${text}`);
    sane(!printed.some((line) => line.includes('unexpected error')), text);
    sane(!printed.some((line) => CONTROL.test(line)), `printed control characters: ${JSON.stringify(text)}`);
    sane(
      !printed.some((line) => line.length > 5000),
      `said ${Math.max(...printed.map((line) => line.length))} characters`,
    );
  },
  whole: true,
};

export const parsers = [parser];
