// `pnpm check-packages [FOLDER]`: what an npm user gets. Builds and packs the packages, installs the tarballs
// into an empty folder, and uses them there: imports, the command, a training of three steps, a small program
// under each compiler setting, a browser bundle, and @forger/tensor alone, without Dawn. The tarballs stay in
// FOLDER where one is given.
// Needs the npm registry. A part of .ci/run.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const PACKAGES = ['tensor', 'nn', 'dcgan', 'forger'];
const COMPILERS = ['typescript@5.9', 'typescript@7'];
/**
 * What a program's types may come from; `command`: whether it may import the command's package, which is Node's alone.
 */
const SETTINGS = {
  'no DOM, no types': { lib: ['ES2023'], types: [], command: false },
  DOM: { lib: ['ES2023', 'DOM'], types: [], command: true },
  '@types/node': { lib: ['ES2023'], types: ['node'], command: true },
  'DOM and @types/node': { lib: ['ES2023', 'DOM'], types: ['node'], command: true },
};

const folder = mkdtempSync(join(tmpdir(), 'forger-packages-'));
let failures = 0;

await check('build', () => {
  run('node', [join(root, 'scripts/embed-shaders.mjs')], root);
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  run('node', [tsc, '-b', ...PACKAGES.map((name) => `packages/${name}`)], root);
});
const tarballs = join(folder, 'tarballs');
await check('pack', pack);
const app = join(folder, 'app');
await check('install the tarballs into an empty folder', () => install(app, PACKAGES, ['@types/node@20']));
await check('import, compute, differentiate', () => {
  write(
    'use.mjs',
    `import { createDevice, tensor } from '@forger/tensor';
    import { Linear } from '@forger/nn';
    import { recipes } from '@forger/dcgan';
    import { trainRun } from '@forger/cli';
    const device = await createDevice();
    const x = tensor([1, 2, 3]).requiresGrad_();
    x.square().sum().backward();
    console.log([...(await x.grad.data())].join(), typeof Linear, typeof recipes.quick, typeof trainRun);
    device.destroy();`,
  );
  expectEqual(run('node', ['use.mjs']), '2,4,6 function object function\n');
});
await check('npx forger --version', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'packages/forger/package.json'), 'utf8'));
  expectEqual(run('npx', ['forger', '--version']), `${version}\n`);
});
await check('npx forger train, sample, info', () => {
  const sizes = ['--image-size', '16', '--width', '2', '--batch-size', '2', '--tune', 'off', '--quiet'];
  run('npx', ['forger', 'train', ...sizes, '--steps', '3', '--out', 'run']);
  run('npx', ['forger', 'sample', 'run', '--count', '4', '--out', 'sample.png']);
  run('npx', ['forger', 'info', 'run']);
  for (const file of ['run/report.html', 'sample.png'])
    if (!existsSync(join(app, file))) throw new Error(`${file} was not written`);
});
for (const compiler of COMPILERS)
  for (const [name, settings] of Object.entries(SETTINGS))
    await check(`${compiler}, ${name}, skipLibCheck off`, () => typecheck(compiler, settings));
await check('names of errors survive a minified browser bundle', minified);
await check('@forger/tensor alone brings no Dawn and says so', tensorAlone);
await check('sizes of declarations', () => {
  const files = readdirSync(join(app, 'node_modules/@forger'), { recursive: true })
    .filter((path) => path.endsWith('.d.ts'))
    .map((path) => [readFileSync(join(app, 'node_modules/@forger', path)).length, path])
    .sort(([a], [b]) => b - a);
  if (files[0][0] > 30_000) throw new Error(`${files[0][1]} has ${files[0][0]} bytes`);
});

rmSync(folder, { recursive: true, force: true });
console.log(failures === 0 ? 'The packages work.' : `${failures} of the checks failed.`);
process.exitCode = failures === 0 ? 0 : 1;

async function check(name, work) {
  const start = performance.now();
  try {
    await work();
    console.log(`ok      ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failures += 1;
    console.log(`FAILED  ${name}\n${String(error.message ?? error).replace(/^/gm, '        ')}`);
  }
}

/** Runs a command to its end. @returns its output. @throws Error with all that it wrote, where it fails. */
function run(command, args, cwd = app, env = {}) {
  const options = {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    shell: process.platform === 'win32',
  };
  const { status, stdout, stderr } = spawnSync(command, args, options);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

function write(file, text) {
  writeFileSync(join(app, file), text);
}

function expectEqual(found, expected) {
  if (found !== expected)
    throw new Error(`expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`);
}

function pack() {
  mkdirSync(tarballs);
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const name of PACKAGES)
    run(
      'npx',
      ['--yes', packageManager, 'pack', '--pack-destination', tarballs],
      join(root, 'packages', name),
    );
  const [, , keep] = process.argv;
  if (keep) cpSync(tarballs, resolve(keep), { recursive: true });
}

function install(into, packages, others = []) {
  mkdirSync(into);
  writeFileSync(join(into, 'package.json'), '{"private":true,"type":"module"}\n');
  const all = readdirSync(tarballs);
  const paths = packages.map((name) => {
    const { name: full } = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));
    const found = all.find((file) => file.startsWith(`${full.slice(1).replace('/', '-')}-`));
    return join(tarballs, found);
  });
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...paths, ...others], into);
}

function typecheck(compiler, { command, ...options }) {
  write(
    'program.ts',
    `import { createDevice, type Tensor, tensor } from '@forger/tensor';
import { Linear, mse } from '@forger/nn';
import { gan, recipes } from '@forger/dcgan';
const device = await createDevice();
const x: Tensor = tensor([1, 2, 3], [1, 3]);
const loss: Tensor = mse(new Linear(3, 3).forward(x), x);
export const values: Float32Array = await loss.data();
export { device, gan, recipes };
`,
  );
  write(
    'command.ts',
    "import { openDataset, trainRun } from '@forger/cli';\nexport { openDataset, trainRun };\n",
  );
  const compilerOptions = {
    ...options,
    strict: true,
    skipLibCheck: false,
    noEmit: true,
    target: 'ES2023',
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
  };
  write(
    'tsconfig.json',
    JSON.stringify({ compilerOptions, files: ['program.ts', ...(command ? ['command.ts'] : [])] }),
  );
  run('npx', ['--yes', '-p', compiler, 'tsc', '-p', '.']);
}

async function minified() {
  const { build } = createRequire(join(root, 'package.json'))('esbuild');
  const contents = `import { ConfigError, DeviceLostError, ForgerError, ShapeError, tensor } from '@forger/tensor';
    export const names = [new ForgerError('x'), new ShapeError('x'), new ConfigError('x'), new DeviceLostError('x')].map((e) => e.name);
    export { tensor };`;
  const options = { bundle: true, minify: true, platform: 'browser', conditions: ['browser'], format: 'esm' };
  const outfile = join(app, 'bundle.mjs');
  const { metafile } = await build({
    ...options,
    metafile: true,
    stdin: { contents, resolveDir: app },
    outfile,
  });
  const foreign = Object.keys(metafile.inputs).filter(
    (path) => !path.includes('@forger/') && !path.includes('<stdin>'),
  );
  if (foreign.length > 0) throw new Error(`the bundle holds ${foreign.join(', ')}`);
  const { names } = await import(`file://${outfile}`);
  expectEqual(names.join(), 'ForgerError,ShapeError,ConfigError,DeviceLostError');
}

function tensorAlone() {
  const alone = join(folder, 'alone');
  install(alone, ['tensor']);
  const installed = readdirSync(join(alone, 'node_modules')).filter((name) => !name.startsWith('.'));
  expectEqual(installed.join(), '@forger');
  const script =
    "import('@forger/tensor').then((t) => t.createDevice()).catch((e) => console.log(e.name + ': ' + e.message))";
  const said = run('node', ['-e', script], alone);
  if (!/^DeviceError: .*npm install webgpu/.test(said)) throw new Error(said);
}
