// The set-up scripts: package sources, the runner of TypeScript sources, the private Vulkan copy, and that a second
// set-up does nothing. What needs a network (a fresh clone on a fresh system) is CI's to show.
import { type SpawnOptions, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { selectSources } from '../packages/forger/setup/apt-sources.mjs';
import { separateShaderCaches } from '../packages/tensor/src/device/vulkan.ts';
import { stampPackages } from '../scripts/stamp.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const runner = join(root, 'scripts/run.mjs');
const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'forger-setup-test-')));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Runs Node; `script(child, output)` may act on the child whenever it has printed something. */
function runNode(
  args: string[],
  options: SpawnOptions = {},
  script?: (kill: (signal: NodeJS.Signals) => void, output: string) => void,
) {
  return new Promise<{ status: number | null; output: string }>((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const hear = (text: Buffer) => {
      output += text;
      script?.((signal) => child.kill(signal), output);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('close', (status) => resolve({ status, output }));
  });
}

function folder(name: string): string {
  const path = join(scratch, name);
  mkdirSync(path, { recursive: true });
  return path;
}

function file(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

describe('package sources', () => {
  const pick = (name: string, text: string, codename: string | null = 'bookworm') =>
    selectSources([{ name, text }], codename);
  const suitesOf = (stanza: string) => /^Suites: (.*)$/m.exec(stanza)?.[1];

  test("Debian 12 gets backports from the system's own mirror, with its keyring and components", () => {
    const text =
      '# a mirror\nTypes: deb deb-src\nURIs: https://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main contrib\nSigned-By: /usr/share/keyrings/x.gpg\n';
    expect(pick('a.sources', text)).toEqual({
      list: '',
      sources:
        'Types: deb\nURIs: https://mirror.example/debian\nSuites: bookworm bookworm-updates bookworm-backports\nComponents: main contrib\nSigned-By: /usr/share/keyrings/x.gpg\n\n',
    });
    const line =
      'deb [arch=amd64 signed-by=/x.gpg] http://mirror.example/debian bookworm main non-free # why\n';
    expect(pick('sources.list', line)).toEqual({
      list: 'deb [arch=amd64 signed-by=/x.gpg] http://mirror.example/debian bookworm main non-free\ndeb [arch=amd64 signed-by=/x.gpg] http://mirror.example/debian bookworm-backports main non-free\n',
      sources: '',
    });
  });

  test('backports go beside the main suite only, and not where they are listed already', () => {
    expect(
      suitesOf(
        pick('a.sources', 'Types: deb\nURIs: http://s/\nSuites: bookworm-security\nComponents: main').sources,
      ),
    ).toBe('bookworm-security');
    const both = selectSources(
      [
        { name: 'sources.list', text: 'deb http://d/debian bookworm main' },
        { name: 'b.list', text: 'deb http://e/debian bookworm-backports main' },
      ],
      'bookworm',
    );
    expect(both.list).toBe(
      'deb http://d/debian bookworm main\ndeb http://e/debian bookworm-backports main\n',
    );
  });

  test('Debian 13 and Ubuntu 24.04 keep to their own suites', () => {
    expect(
      suitesOf(
        pick(
          'a.sources',
          'Types: deb\nURIs: http://u/\nSuites: noble noble-updates noble-backports\nComponents: main',
          'noble',
        ).sources,
      ),
    ).toBe('noble noble-updates noble-backports');
    expect(pick('a.list', 'deb http://d/debian trixie main', 'trixie').list).toBe(
      'deb http://d/debian trixie main\n',
    );
  });

  test('"stable" in a source means the release that is installed', () => {
    expect(pick('a.list', 'deb http://d/debian stable-updates main').list).toBe(
      'deb http://d/debian bookworm-updates main\n',
    );
  });

  test.each([
    ['another release', 'a.list', 'deb http://d/debian bullseye main'],
    ['source packages', 'a.list', 'deb-src http://d/debian bookworm main'],
    ['a disc', 'a.list', 'deb cdrom:[Debian 12]/ bookworm main'],
    ['a comment', 'a.list', '# deb http://d/debian bookworm main'],
    ["a third party's suite", 'a.list', 'deb https://deb.example.com/node_20.x nodistro main'],
    [
      'a disabled entry',
      'a.sources',
      'Enabled: no\nTypes: deb\nURIs: http://d/\nSuites: bookworm\nComponents: main',
    ],
    ['a file that apt does not read', 'a.list.save', 'deb http://d/debian bookworm main'],
  ])('%s is left out', (_, name, text) => {
    expect(pick(name, text)).toEqual({ list: '', sources: '' });
  });

  test('an embedded key of several lines stays whole', () => {
    const key =
      'Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----';
    const { sources } = pick(
      'a.sources',
      `Types: deb\nURIs: http://d/\nSuites: bookworm\nComponents: main\n${key}\n\nTypes: deb\nURIs: http://e/\nSuites: sid\nComponents: main\n`,
    );
    expect(sources).toBe(
      `Types: deb\nURIs: http://d/\nSuites: bookworm bookworm-backports\nComponents: main\n${key}\n\n`,
    );
  });

  test('an unknown release keeps every binary entry', () => {
    expect(pick('a.list', 'deb http://d/debian sid main', null).list).toBe('deb http://d/debian sid main\n');
  });
});

describe('scripts/run.mjs', () => {
  const program = file(
    join(folder('program'), 'main.ts'),
    `interface Typed { n: number }
    const typed: Typed = { n: 3 };
    console.log(JSON.stringify({ cwd: process.cwd(), args: process.argv.slice(2), tensor: import.meta.resolve('@forger/tensor') }));
    process.exitCode = typed.n;\n`,
  );
  file(join(dirname(program), 'package.json'), '{"type":"module"}');
  mkdirSync(join(dirname(program), 'node_modules'));
  symlinkSync(join(root, 'node_modules/@forger'), join(dirname(program), 'node_modules/@forger'));

  test('passes arguments and the exit code, and resolves @forger/* to source', async () => {
    const { status, output } = await runNode([runner, program, 'a b', '--c']);
    expect(status).toBe(3);
    const seen = JSON.parse(output);
    expect(seen.args).toEqual(['a b', '--c']);
    expect(seen.tensor).toMatch(/\/src\/index\.ts$/);
  });

  test('runs where the user typed, not where npm started it', async () => {
    const typed = folder('typed');
    const env = { ...process.env, INIT_CWD: typed, npm_lifecycle_event: 'forger' };
    expect(JSON.parse((await runNode([runner, program], { env })).output).cwd).toBe(typed);
    const other = folder('other');
    expect(JSON.parse((await runNode([runner, program], { env, cwd: other })).output).cwd).toBe(other);
  });

  test.skipIf(process.platform === 'win32')(
    'one Ctrl+C that arrives twice is heard once; two presses are two',
    async () => {
      const listener = file(
        join(dirname(program), 'listen.ts'),
        `let heard: number = 0;
      process.on('SIGINT', () => console.log('heard', ++heard));
      setInterval(() => {}, 1000);
      process.on('SIGTERM', () => process.exit(5));
      console.log('ready');\n`,
      );
      let beforeSecondPress = '';
      const sent = new Set<string>();
      const once = (name: string, seen: boolean, act: () => void) => {
        if (!seen || sent.has(name)) return;
        sent.add(name);
        act();
      };
      const { status, output } = await runNode([runner, listener], {}, (kill, text) => {
        once('first press', text.includes('ready'), () => {
          kill('SIGINT');
          setTimeout(() => kill('SIGINT'), 20);
        });
        once('second press', text.includes('heard 1'), () =>
          setTimeout(() => {
            beforeSecondPress = text;
            kill('SIGINT');
          }, 1000),
        );
        once('end', text.includes('heard 2'), () => kill('SIGTERM'));
      });
      expect(beforeSecondPress).toBe('ready\nheard 1\n');
      expect(output).toBe('ready\nheard 1\nheard 2\n');
      expect(status).toBe(5);
    },
  );

  test('says what to type when the dependencies are missing', async () => {
    const clone = folder('clone');
    for (const name of ['scripts/run.mjs', 'packages/forger/setup/say.mjs']) {
      mkdirSync(dirname(join(clone, name)), { recursive: true });
      symlinkSync(join(root, name), join(clone, name));
    }
    const { status, output } = await runNode([
      '--preserve-symlinks',
      '--preserve-symlinks-main',
      join(clone, 'scripts/run.mjs'),
      'main.ts',
    ]);
    expect(output).toBe('Forger: the dependencies are not installed. Type:\n  npm run setup\n');
    expect(status).toBe(1);
  });
});

describe.runIf(process.platform === 'linux')('the private Vulkan copy', () => {
  const report = file(
    join(folder('vulkan'), 'main.mts'),
    `const { usePrivateVulkan } = await import(${JSON.stringify(join(root, 'packages/tensor/src/device/vulkan.ts'))});
    console.log(JSON.stringify({ used: usePrivateVulkan(), files: process.env.VK_DRIVER_FILES ?? null }));\n`,
  );
  const cacheWith = (name: string, manifest: object) => {
    const cache = folder(name);
    file(join(cache, 'forger/vulkan/manifest.json'), JSON.stringify(manifest));
    return cache;
  };
  const ask = async (cache: string, more: NodeJS.ProcessEnv = {}) => {
    const { VK_DRIVER_FILES: _a, VK_ICD_FILENAMES: _b, FORGER_VULKAN: _c, ...env } = process.env;
    const { output } = await runNode([runner, report], { env: { ...env, XDG_CACHE_HOME: cache, ...more } });
    return JSON.parse(output);
  };

  test('is used if it is there and loads', async () => {
    const cache = cacheWith('cache-good', { folder: 'copy', preload: [], drivers: ['icd.d/lvp_icd.json'] });
    const copy = join(cache, 'forger/vulkan/copy');
    const { used, files } = await ask(cache);
    expect(used).toEqual({ folder: copy });
    expect(files.split(':')).toContain(join(copy, 'icd.d/lvp_icd.json'));
  });

  test('is left alone if the user says so, chose drivers, or it is absent or damaged', async () => {
    const manifest = { folder: 'copy', preload: [], drivers: ['icd.d/lvp_icd.json'] };
    const cache = cacheWith('cache-set', manifest);
    expect(await ask(cache, { FORGER_VULKAN: 'system' })).toEqual({ used: null, files: null });
    expect((await ask(cache, { VK_DRIVER_FILES: '/mine.json' })).files).toBe('/mine.json');
    expect(await ask(folder('cache-empty'))).toEqual({ used: null, files: null });
    const damaged = cacheWith('cache-damaged', { ...manifest, preload: ['lib/absent.so.1'] });
    expect(await ask(damaged)).toEqual({ used: null, files: null });
  });

  test.runIf(existsSync('/usr/bin/apt-get'))(
    'a mirror that does not answer costs one clear message and leaves nothing behind',
    async () => {
      const etc = folder('etc');
      file(
        join(etc, 'sources.list'),
        'deb http://127.0.0.1:9/debian bookworm main\ndeb http://127.0.0.1:9/ubuntu noble main\n',
      );
      const cache = folder('cache-offline');
      const script = `
      const { installPrivateVulkan } = await import(${JSON.stringify(join(root, 'packages/forger/setup/vulkan.mjs'))});
      const { runOrExplain } = await import(${JSON.stringify(join(root, 'packages/forger/setup/say.mjs'))});
      await runOrExplain(() => installPrivateVulkan({ etc: ${JSON.stringify(etc)}, byHand: 'install it:\\n  apt-get install x' }));`;
      const { status, output } = await runNode(['--input-type=module', '-e', script], {
        env: { ...process.env, XDG_CACHE_HOME: cache },
      });
      expect(status).toBe(1);
      expect(output).toMatch(/^Forger: could not fetch a Vulkan driver:\n/);
      expect(output).toContain('run this again, or, as an administrator, install it:\n  apt-get install x\n');
      expect(output).not.toMatch(/\n\s+at /);
      expect(readdirSync(join(cache, 'forger/vulkan'))).toEqual([]);
    },
  );
});

test('a second set-up only looks for the adapter', async () => {
  await runNode([join(root, 'scripts/setup.mjs')]);
  const marks = [join(root, 'node_modules/.forger-setup'), join(root, 'node_modules/.modules.yaml')];
  const times = () => marks.map((path) => statSync(path).mtimeMs);
  const before = times();
  const { status, output } = await runNode([join(root, 'scripts/setup.mjs')]);
  expect(output).toMatch(/^Forger: WebGPU adapter: .+\nForger: ready\..+\n$/);
  expect(status).toBe(0);
  expect(times()).toEqual(before);
});

test('each width of llvmpipe has a shader cache of its own, unless the user named one', () => {
  const cacheOf = (env: NodeJS.ProcessEnv) => {
    separateShaderCaches(env);
    return env.MESA_SHADER_CACHE_DIR;
  };
  const wide = cacheOf({ LP_NATIVE_VECTOR_WIDTH: '512', XDG_CACHE_HOME: '/cache' });
  expect(wide).toBe('/cache/forger/shaders-512');
  expect(cacheOf({ LP_NATIVE_VECTOR_WIDTH: '256', XDG_CACHE_HOME: '/cache' })).not.toBe(wide);
  expect(cacheOf({ LP_NATIVE_VECTOR_WIDTH: '512', MESA_SHADER_CACHE_DIR: '/own' })).toBe('/own');
  expect(cacheOf({ XDG_CACHE_HOME: '/cache' })).toBeUndefined();
  // Named by a parent process of another width.
  const inherited = { XDG_CACHE_HOME: '/cache', MESA_SHADER_CACHE_DIR: wide };
  expect(cacheOf({ ...inherited, LP_NATIVE_VECTOR_WIDTH: '256' })).toBe('/cache/forger/shaders-256');
  expect(cacheOf({ ...inherited })).toBeUndefined();
});

test('the packages carry the origin that the repository states', () => {
  expect(stampPackages({ write: false })).toEqual([]);
});
