// The commands, flags and help texts of `forger`. What a command does is in the file of its name, loaded when it runs,
// so that help and usage errors come at once.

import {
  ACTIVATION_NAMES,
  type ActivationPlan,
  CHANNELS,
  LIMITS,
  LOSS_NAMES,
  MAX_RESTARTS,
  ON_NAN,
  PRECISIONS,
  PROFILE_AFTER,
  parseActivation,
  TUNING,
  type WholeRange,
} from '@forger/dcgan/limits';
import { Argument, Command, Option } from 'commander';
import { explain, UsageError } from './errors.ts';
import { nonEmpty, numberFrom, oneOf, pathEnding, positiveNumber, wholeNumber } from './flags.ts';
import { version } from './version.ts';

/** Runs one command line, the program's name left out. @returns the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = buildProgram((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    const command = program.commands.find((candidate) => args.includes(candidate.name()));
    return explain(error, command?.name(), args.includes('--debug'));
  }
}

function buildProgram(finish: (exitCode: number) => void): Command {
  const program = new Command('forger')
    .description(
      'Trains DCGANs on WebGPU: a forger learns to draw what a detective cannot tell from real pictures.',
    )
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: () => {} }) // errors are printed in one place, errors.ts
    .configureHelp({ showGlobalOptions: false })
    .helpCommand(false)
    .addHelpText('after', '\nStart with: forger train');
  addTrain(program, finish);
  addSample(program, finish);
  addInfo(program, finish);
  addConvert(program, finish);
  addRecipes(program, finish);
  addDoctor(program, finish);
  addSetup(program, finish);
  for (const command of program.commands)
    command.option('--debug', 'show the stack of errors, check more, run slower');
  return program;
}

function addTrain(program: Command, finish: (exitCode: number) => void): void {
  program
    .command('train')
    .description('Train a generator and write pictures, losses and checkpoints into a run folder.')
    .addOption(
      option(
        '--recipe <name|file>',
        'which GAN to train: a name of `forger recipes`, or your own TypeScript or JavaScript file (default: quick)',
        nonEmpty,
      ),
    )
    .addOption(
      option(
        '--data <name|path>',
        'glyphs, mnist, fashion-mnist, cifar10, sprites, or a path to IDX files, CIFAR-10 batches, a ZIP archive or a folder of pictures ' +
          "(default: the recipe's)",
        nonEmpty,
      ),
    )
    .addOption(option('--data-b <name|path>', 'the second data set, for recipes that take two', nonEmpty))
    .addOption(
      option(
        '--data-dir <dir>',
        'folder with copies of the named data sets, instead of a download',
        nonEmpty,
      ),
    )
    .addOption(option('--background <colour>', 'laid behind transparent pictures (default: white)', nonEmpty))
    .addOption(
      option(
        '--image-size <n>',
        "height and width of the pictures (default: the recipe's)",
        whole('imageSize'),
      ),
    )
    .addOption(
      option('--width <n>', "channels of the widest layers' base (default: the recipe's)", whole('width')),
    )
    .addOption(
      option('--channels <n>', "1 for grey, 3 for colour (default: the recipe's)", (flag) =>
        oneOf(flag, CHANNELS),
      ),
    )
    .addOption(option('--batch-size <n>', "pictures in a step (default: the recipe's)", whole('batchSize')))
    .addOption(option('--lr <x>', "Adam's learning rate (default: the recipe's)", positiveNumber))
    .addOption(
      option(
        '--epochs <n>',
        "stop after n passes over the data (default: the recipe's)",
        whole('epochs'),
      ).conflicts(['steps', 'minutes']),
    )
    .addOption(
      option(
        '--steps <n>',
        'stop once n steps are done, those before a resume included',
        whole('steps'),
      ).conflicts(['minutes']),
    )
    .addOption(
      option(
        '--minutes <m>',
        'stop after m minutes of training, those before a resume included',
        positiveNumber,
      ),
    )
    .addOption(option('--seed <n>', 'seed of all random numbers (default: 0)', whole('seed')))
    .addOption(option('--out <dir>', 'run folder to make (default: runs/<recipe>-<time>)', nonEmpty))
    .addOption(
      option(
        '--resume <dir>',
        'continue the run in this folder; its settings stay, its end may move',
        nonEmpty,
      ).conflicts('out'),
    )
    .addOption(
      option(
        '--sample-every <n>',
        "steps between sample grids (default: the recipe's)",
        whole('sampleEvery'),
      ),
    )
    .addOption(
      option(
        '--checkpoint-every <n>',
        "steps between checkpoints (default: the recipe's)",
        whole('checkpointEvery'),
      ),
    )
    .addOption(
      option(
        '--precision <which>',
        'float32, or mixed: large products in float16 with sums in float32, where the adapter can (default: float32)',
        (flag) => oneOf(flag, PRECISIONS),
      ),
    )
    .addOption(
      option('--loss <name>', `instead of the recipe's own: ${LOSS_NAMES.join(', ')}`, (flag) =>
        oneOf(flag, LOSS_NAMES),
      ),
    )
    .addOption(
      option('--label-smoothing <x>', 'the detective takes real pictures for real by 1 - x only', (flag) =>
        numberFrom(flag, 0, 1),
      ),
    )
    .addOption(
      option(
        '--n-dis <n>',
        "updates of the detective for one of the forger (default: the recipe's)",
        whole('nDis'),
      ),
    )
    .addOption(option('--d-lr <x>', 'learning rate of the detective (default: --lr)', positiveNumber))
    .addOption(option('--g-lr <x>', 'learning rate of the forger (default: --lr)', positiveNumber))
    .addOption(
      option('--ema <decay>', "also average the forger's weights, such as 0.999", (flag) =>
        numberFrom(flag, 0, 1),
      ),
    )
    .option('--spectral-norm', "divide the detective's weights by their largest singular value")
    .addOption(
      option('--noise <std>', "add noise to the detective's pictures (chainer: to its layers)", (flag) =>
        numberFrom(flag, 0),
      ),
    )
    .addOption(
      new Option(
        '--tune <how>',
        'find the fastest kernels for this adapter when a run begins: off, on (within 20 s, where none are known or ship with Forger) or thorough',
      )
        .choices(TUNING)
        .default('on'),
    )
    .addOption(
      option(
        '--max-restarts <n>',
        `how often to begin again from the last checkpoint when the graphics device is lost, or after --on-nan rollback (default: ${MAX_RESTARTS})`,
        whole('maxRestarts'),
      ),
    )
    .addOption(
      new Option(
        '--on-nan <what>',
        'when a loss or a weight becomes NaN or infinite: stop, or rollback to the last checkpoint and go on with both learning rates halved',
      )
        .choices(ON_NAN)
        .default('stop'),
    )
    .option('--eager', 'record every step anew instead of replaying it: the same pictures, slower')
    .addOption(
      option(
        '--profile [steps]',
        `time every kernel over this many steps, after the first ${PROFILE_AFTER} (default: 10)`,
        whole('profile'),
      ).preset('10'),
    )
    .option('--quiet', 'print only how the run ended')
    .addOption(new Option('--json', 'print one JSON object a line').conflicts('quiet'))
    .action(async (flags) => finish(await (await import('./train.ts')).runTrain(flags)));
}

function addSample(program: Command, finish: (exitCode: number) => void): void {
  const command = program
    .command('sample')
    .description('Draw new pictures with a trained generator.')
    .argument('<source>', SOURCE)
    .addOption(option('--count <n>', 'pictures in the grid', whole('count')).default(64))
    .addOption(option('--seed <n>', 'seed of the noise', whole('seed')).default(0))
    .addOption(
      option('--out <file.png>', 'the picture to write (default: sample-<seed>.png)', pathEnding('.png')),
    )
    .addOption(key());
  for (const flag of weightFlags()) command.addOption(flag);
  command
    .addOption(networkFile())
    .option('--allow-nan', 'go on when NaN or infinity is among the weights')
    .action(async (source, flags) => finish(await (await import('./sample.ts')).runSample(source, flags)));
}

function addInfo(program: Command, finish: (exitCode: number) => void): void {
  const command = program
    .command('info')
    .description('Show what a recipe, a run or a weight file holds: settings, layers, shapes, parameters.')
    .argument('<source>', `a recipe, ${SOURCE}`)
    .addOption(key());
  for (const flag of weightFlags()) command.addOption(flag);
  command
    .addOption(networkFile())
    .addOption(
      option(
        '--describe <file.json>',
        'write the network of bare weights as JSON, to be corrected and given back with --network',
        pathEnding('.json'),
      ),
    )
    .action(async (source, flags) => finish(await (await import('./info.ts')).runInfo(source, flags)));
}

function addConvert(program: Command, finish: (exitCode: number) => void): void {
  const command = program
    .command('convert')
    .description(
      "Write weights in another format: safetensors with PyTorch's names, or the generator as ONNX.",
    )
    .argument('<source>', SOURCE)
    .addArgument(
      new Argument('<out>', 'what to write: a name that ends in .safetensors or .onnx').argParser(
        pathEnding('.safetensors', '.onnx')('<out>'),
      ),
    )
    .addOption(
      option(
        '--network <name>',
        'which network, where there are several, such as generator or discriminator (default: generator); or FILE.json, which describes that of bare weights',
        nonEmpty,
      ),
    )
    .addOption(key())
    .option('--uint8', 'ONNX from flat latents to uint8 RGB pictures, as torch-fidelity takes it')
    .option('--allow-nan', 'go on when NaN or infinity is among the weights');
  for (const flag of weightFlags()) command.addOption(flag);
  command.action(async (source, out, flags) =>
    finish(await (await import('./convert.ts')).runConvert(source, out, flags)),
  );
}

function addRecipes(program: Command, finish: (exitCode: number) => void): void {
  program
    .command('recipes')
    .description(
      'List the recipes: sizes, losses, optimizers, sources, known flaws and which flag mends them.',
    )
    .action(async () => finish(await (await import('./recipes.ts')).runRecipes()));
}

function addDoctor(program: Command, finish: (exitCode: number) => void): void {
  program
    .command('doctor')
    .description('Check the graphics adapter, its driver and the installation, and say what to mend.')
    .action(async () => finish(await (await import('./doctor.ts')).runDoctor()));
}

function addSetup(program: Command, finish: (exitCode: number) => void): void {
  program
    .command('setup')
    .description(
      'Look for a graphics adapter; on Debian and Ubuntu, fetch a driver for this user alone when there is none.',
    )
    .action(async () => finish(await (await import('./setup.ts')).runSetup()));
}

const SOURCE = 'a run folder, a checkpoint, or weights: safetensors, .pth, .npz';

function key(): Option {
  return option(
    '--key <path>',
    'where in a file of several networks the wanted one is, as state_dict.netG',
    nonEmpty,
  );
}

/** What shapes do not tell of bare weights. */
function weightFlags(): Option[] {
  return [
    option('--image-size <n>', 'of bare weights: height and width of the pictures', whole('imageSize')),
    option(
      '--activation <name>',
      'of bare weights: hidden activations: relu, leaky-relu:SLOPE, elu, gelu, silu, tanh, sigmoid or softplus',
      activation,
    ),
    option('--latent <which>', 'of bare weights: distribution of the latents', (flag) =>
      oneOf(flag, ['normal', 'uniform'] as const),
    ),
    option(
      '--pixel-range <which>',
      'of bare weights: tanh for pictures in [-1, 1], sigmoid for [0, 1]',
      (flag) => oneOf(flag, ['tanh', 'sigmoid'] as const),
    ),
    option('--norm-eps <x>', 'of bare weights: what norms add to the variance', positiveNumber),
    option('--reading <n>', 'of bare weights that can be read in several ways: which, from 1', (flag) =>
      wholeNumber(flag, { least: 1, most: 1000 }),
    ),
  ];
}

function networkFile(): Option {
  return option(
    '--network <file.json>',
    'of bare weights: their network, as forger info --describe writes it',
    pathEnding('.json'),
  );
}

/** @throws UsageError for an activation that there is none of. */
function activation(flag: string): (text: string) => ActivationPlan {
  return (text) => {
    const found = parseActivation(text);
    if (!found) throw new UsageError(`${flag} ${text}: expected ${ACTIVATION_NAMES}`);
    return found;
  };
}

// An option whose value is parsed by a parser that knows the flag's name.
function option<T>(
  flags: string,
  description: string,
  parser: (flag: string) => (text: string) => T,
): Option {
  const name = flags.split(' ')[0]!;
  return new Option(flags, description).argParser(parser(name));
}

function whole(setting: keyof typeof LIMITS): (flag: string) => (text: string) => number {
  const range: WholeRange = LIMITS[setting];
  return (flag) => wholeNumber(flag, range);
}
