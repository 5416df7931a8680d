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
import { names, nonEmpty, numberFrom, oneOf, pathEnding, positiveNumber, wholeNumber } from './flags.ts';
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
    .description('Train generative adversarial networks on WebGPU, and use them.')
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: () => {} }) // errors are printed in one place, errors.ts
    .configureHelp({ showGlobalOptions: false })
    .helpCommand(false)
    .addHelpText('after', '\nStart with: forger train');
  addTrain(program, finish);
  addSample(program, finish);
  addEvaluate(program, finish);
  addReport(program, finish);
  addInfo(program, finish);
  addConvert(program, finish);
  addRecipes(program, finish);
  addDoctor(program, finish);
  addSetup(program, finish);
  addCache(program, finish);
  for (const command of program.commands)
    command.option('--debug', 'show stack traces and run more checks; slower');
  return program;
}

function addTrain(program: Command, finish: (exitCode: number) => void): void {
  program
    .command('train')
    .description('Train a GAN. Sample grids, metrics and checkpoints go into a run folder.')
    .addOption(
      option(
        '--recipe <name|file>',
        'a name that `forger recipes` lists, or a TypeScript or JavaScript file of yours (default: quick)',
        nonEmpty,
      ),
    )
    .addOption(
      option(
        '--data <name|path>',
        'glyphs, mnist, fashion-mnist, cifar10, sprites, or a path to IDX files, CIFAR-10 batches, numpy arrays, an archive or a folder of pictures ' +
          "(default: the recipe's)",
        nonEmpty,
      ),
    )
    .addOption(option('--data-b <name|path>', 'the second data set, for recipes that take two', nonEmpty))
    .addOption(
      option(
        '--data-dir <dir>',
        'folder that holds the named data sets, instead of downloading them',
        nonEmpty,
      ),
    )
    .addOption(
      option('--background <colour>', 'background for transparent pictures (default: white)', nonEmpty),
    )
    .addOption(
      option(
        '--image-size <n>',
        "height and width of the images in pixels (default: the recipe's, or less where the data are smaller)",
        whole('imageSize'),
      ),
    )
    .addOption(
      option('--width <n>', "base number of channels, ngf = ndf (default: the recipe's)", whole('width')),
    )
    .addOption(option('--nz <n>', "numbers in a latent (default: the recipe's)", whole('latentSize')))
    .addOption(
      option('--channels <n>', '1 for grey, 3 for colour (default: as the data have them)', (flag) =>
        oneOf(flag, CHANNELS),
      ),
    )
    .addOption(option('--batch-size <n>', "images in a batch (default: the recipe's)", whole('batchSize')))
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
        'stop after n steps in all, counting those before a resume',
        whole('steps'),
      ).conflicts(['minutes']),
    )
    .addOption(
      option(
        '--minutes <m>',
        'stop after m minutes of training in all, counting those before a resume',
        positiveNumber,
      ),
    )
    .addOption(option('--seed <n>', 'seed of all random numbers (default: 0)', whole('seed')))
    .addOption(option('--out <dir>', 'run folder to create (default: runs/<recipe>-<time>)', nonEmpty))
    .addOption(
      option(
        '--resume <dir>',
        'continue the run in this folder, with its settings; --epochs, --steps or --minutes set a new end, --data says where its data are now',
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
        '--evaluate-every <n>',
        'steps between evaluations of the generated images (default: none; with --keep-best, as often as checkpoints)',
        whole('evaluateEvery'),
      ),
    )
    .addOption(
      option(
        '--evaluate-count <n>',
        'images that an evaluation compares with as many real ones (default: 2000)',
        whole('evaluateCount'),
      ),
    )
    .addOption(
      option('--metrics <names>', 'metrics of evaluations, as frechet,prdc (default: frechet)', names),
    )
    .addOption(
      option(
        '--evaluate-network <name>',
        "whose features evaluations compare: mnist, fashion-mnist, glyphs, random, pixels, or a file with pytorch-fid's weights of Inception (default: by the data)",
        nonEmpty,
      ),
    )
    .addOption(
      option(
        '--keep-best <value>',
        'keep the checkpoint whose evaluation was best in this value, such as frechet, beside the last ones',
        nonEmpty,
      ),
    )
    .addOption(
      option(
        '--stop-after <n>',
        'stop after n evaluations in a row without a better --keep-best value (default value: frechet)',
        whole('stopAfter'),
      ),
    )
    .addOption(
      option(
        '--precision <which>',
        'float32, or mixed: large matrix products of float16 operands with float32 sums, if the adapter has them (default: float32)',
        (flag) => oneOf(flag, PRECISIONS),
      ),
    )
    .addOption(
      option('--loss <name>', `loss, instead of the recipe's own: ${LOSS_NAMES.join(', ')}`, (flag) =>
        oneOf(flag, LOSS_NAMES),
      ),
    )
    .addOption(
      option('--label-smoothing <x>', 'label of real images is 1 - x (one-sided label smoothing)', (flag) =>
        numberFrom(flag, 0, 1),
      ),
    )
    .addOption(
      option(
        '--n-dis <n>',
        "discriminator updates for each generator update (default: the recipe's)",
        whole('nDis'),
      ),
    )
    .addOption(option('--d-lr <x>', 'learning rate of the discriminator (default: --lr)', positiveNumber))
    .addOption(option('--g-lr <x>', 'learning rate of the generator (default: --lr)', positiveNumber))
    .addOption(
      option(
        '--ema <decay>',
        "keep an exponential moving average of the generator's weights, such as 0.999",
        (flag) => numberFrom(flag, 0, 1),
      ),
    )
    .option(
      '--spectral-norm',
      'spectral normalisation: divide each weight of the discriminator by its largest singular value',
    )
    .addOption(
      option(
        '--noise <std>',
        "standard deviation of noise on the discriminator's input (chainer: on all of its layers)",
        (flag) => numberFrom(flag, 0),
      ),
    )
    .addOption(
      new Option(
        '--tune <how>',
        'time the kernels on this adapter before training and use the fastest: off, on (at most 20 s, and only on adapters that were not measured before) or thorough',
      )
        .choices(TUNING)
        .default('on'),
    )
    .addOption(
      option(
        '--max-restarts <n>',
        `how often to restart from the last checkpoint after the graphics device is lost or after --on-nan rollback (default: ${MAX_RESTARTS})`,
        whole('maxRestarts'),
      ),
    )
    .addOption(
      new Option(
        '--on-nan <what>',
        'when a loss or a weight becomes NaN or infinite: stop, or rollback (restart from the last checkpoint with halved learning rates)',
      )
        .choices(ON_NAN)
        .default('stop'),
    )
    .option('--eager', 'record every step anew instead of replaying it: the same results, slower')
    .addOption(
      option(
        '--profile [steps]',
        `time every kernel over this many steps, after the first ${PROFILE_AFTER} (default: 10)`,
        whole('profile'),
      ).preset('10'),
    )
    .option('--quiet', 'print only how the run ended')
    .addOption(new Option('--json', 'print one JSON object per line').conflicts('quiet'))
    .action(async (flags) => finish(await (await import('./train.ts')).runTrain(flags)));
}

function addSample(program: Command, finish: (exitCode: number) => void): void {
  const command = program
    .command('sample')
    .description('Generate images with a trained generator.')
    .argument('<source>', SOURCE)
    .addOption(option('--count <n>', 'images in the grid', whole('count')).default(64))
    .addOption(option('--seed <n>', 'seed of the latents', whole('seed')).default(0))
    .addOption(option('--out <file.png>', 'file to write (default: sample-<seed>.png)', pathEnding('.png')))
    .addOption(key())
    .addOption(best());
  for (const flag of weightFlags()) command.addOption(flag);
  command
    .addOption(networkFile())
    .option('--allow-nan', 'go on when NaN or infinity is among the weights')
    .action(async (source, flags) => finish(await (await import('./sample.ts')).runSample(source, flags)));
}

function addEvaluate(program: Command, finish: (exitCode: number) => void): void {
  program
    .command('evaluate')
    .description(
      'Compare generated images, or a folder of pictures, with real ones: distances, diversity, copies.',
    )
    .argument('<source>', `${SOURCE}; or a data set: a name, a folder of pictures, an archive`)
    .addOption(
      option('--data <name|path>', 'the real images (default: those that a run was trained on)', nonEmpty),
    )
    .addOption(
      option(
        '--floor <name|path>',
        'further real images, such as a test set, to compare the real ones with (default: others of the real images)',
        nonEmpty,
      ),
    )
    .addOption(option('--data-dir <dir>', 'folder with copies of the named data sets', nonEmpty))
    .addOption(option('--count <n>', 'images on each side', whole('evaluateCount')).default(10_000))
    .addOption(option('--metrics <names>', 'such as frechet,kid,prdc (default: all that fit)', names))
    .addOption(
      option(
        '--network <name>',
        "whose features are compared: mnist, fashion-mnist, glyphs, random, pixels, or a file with pytorch-fid's weights of Inception (default: by the data)",
        nonEmpty,
      ),
    )
    .addOption(option('--seed <n>', 'seed of everything random', whole('seed')).default(0))
    .addOption(
      option(
        '--image-size <n>',
        'height and width of the images, for a folder of pictures',
        whole('imageSize'),
      ),
    )
    .addOption(
      option('--channels <n>', '1 for grey, 3 for colour, for a folder of pictures', (flag) =>
        oneOf(flag, CHANNELS),
      ),
    )
    .addOption(key())
    .addOption(best())
    .option('--json', 'print one JSON object')
    .action(async (source, flags) =>
      finish(await (await import('./evaluate.ts')).runEvaluate(source, flags)),
    );
}

function addReport(program: Command, finish: (exitCode: number) => void): void {
  program
    .command('report')
    .description('Write the report of a run anew, also of one that was killed or is still training.')
    .argument('<run>', 'a run folder')
    .action(async (run) => finish(await (await import('./report.ts')).runReport(run)));
}

function addInfo(program: Command, finish: (exitCode: number) => void): void {
  const command = program
    .command('info')
    .description('Show what a recipe, a run or a weight file holds: settings, layers, shapes, parameters.')
    .argument('<source>', `a recipe, ${SOURCE}`)
    .addOption(key())
    .addOption(best());
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
      new Argument('<out>', 'file to write; its name ends in .safetensors or .onnx').argParser(
        pathEnding('.safetensors', '.onnx')('<out>'),
      ),
    )
    .addOption(
      option(
        '--network <name>',
        'network to write, such as generator or discriminator (default: generator); or FILE.json, which describes that of bare weights',
        nonEmpty,
      ),
    )
    .addOption(key())
    .addOption(best())
    .option('--uint8', 'ONNX from flat latents to uint8 RGB images, as torch-fidelity expects')
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
      'List the recipes: sizes, losses, optimizers, sources, known flaws and the flags that fix them.',
    )
    .action(async () => finish(await (await import('./recipes.ts')).runRecipes()));
}

function addDoctor(program: Command, finish: (exitCode: number) => void): void {
  program
    .command('doctor')
    .description('Check the graphics adapter, its driver and the installation, and say what to fix.')
    .action(async () => finish(await (await import('./doctor.ts')).runDoctor()));
}

function addCache(program: Command, finish: (exitCode: number) => void): void {
  program
    .command('cache')
    .description(
      'Show the decoded pictures that are kept for the next start of large data sets, or clear them.',
    )
    .option('--clear', 'remove them all')
    .option('--json', 'print one JSON object')
    .action(async (flags) => finish(await (await import('./cache.ts')).runCache(flags)));
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
    'which network of a file that holds several, such as state_dict.netG',
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

function best(): Option {
  return new Option('--best', 'of a run: the checkpoint that --keep-best kept, instead of the last one');
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
