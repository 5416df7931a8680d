// `pnpm gpu-check:bundle [DIR]`: joins gpu-check into JavaScript that plain Node runs, for a checkout that has only its
// packages' runtime dependencies (`pnpm install --prod`): no esbuild, no TypeScript. By default into
// dist/gpu-check, which scripts/run.mjs and git leave alone. The bundle belongs to a checkout: it finds
// packages, golden cases and bench/peers/pytorch.py by paths from itself, so the two may move together. Run
// it as `node dist/gpu-check/main.mjs`.
import { existsSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { joined } from './bundle.mjs';
import { embedShaders } from './embed-shaders.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = resolve(process.argv[2] ?? join(root, 'dist/gpu-check'));

/** Node 20.9 is the oldest that Forger runs on. */
const target = 'node20.9';

/** A path from the bundle, as an import or a URL has it. */
const fromBundle = (path) => {
  const steps = relative(folder, path).split(sep).join('/');
  return steps.startsWith('.') ? steps : `./${steps}`;
};

/** Packages that are not joined are imported from the node_modules that they are in, by a path from the bundle. */
const leaveOthers = {
  name: 'leave-others',
  setup({ onResolve, resolve: find }) {
    onResolve({ filter: /^[^./]/ }, async ({ path, pluginData, resolveDir, kind }) => {
      if (pluginData === leaveOthers || joined.test(path) || kind === 'entry-point') return undefined;
      if (path.startsWith('node:') || builtinModules.includes(path)) return { path, external: true };
      if (path === 'esbuild') return { path, external: true };
      const found = await find(path, { resolveDir, kind, pluginData: leaveOthers });
      if (found.errors.length > 0) return { errors: found.errors };
      // Not by its real path, which is pnpm's matter and may differ from install to install.
      const name = path.split('/', path.startsWith('@') ? 2 : 1).join('/');
      const link = linkOf(name, resolveDir);
      return { path: fromBundle(join(link, relative(realpathSync(link), found.path))), external: true };
    });
  },
};

function linkOf(name, from) {
  const link = join(from, 'node_modules', name);
  return existsSync(link) ? link : linkOf(name, dirname(from));
}

/** `import.meta.url` means the source file that it is written in. */
const keepPlaces = {
  name: 'keep-places',
  setup({ onLoad }) {
    onLoad({ filter: /\.(ts|mjs)$/ }, ({ path }) => {
      if (/[\\/]node_modules[\\/]/.test(path)) return undefined;
      const source = readFileSync(path, 'utf8');
      if (!source.includes('import.meta.url')) return undefined;
      const place = `new URL(${JSON.stringify(fromBundle(path))}, import.meta.url).href`;
      return { contents: source.replaceAll('import.meta.url', place), loader: 'ts' };
    });
  },
};

embedShaders();
const { build } = await import('esbuild');
rmSync(folder, { recursive: true, force: true });
const { outputs } = (
  await build({
    entryPoints: [join(root, 'bench/gpu-check/main.ts')],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true, // a stage that cannot be loaded takes no other with it
    format: 'esm',
    platform: 'node',
    target,
    conditions: ['@forger/source'],
    metafile: true,
    absWorkingDir: root,
    logLevel: 'warning',
    plugins: [leaveOthers, keepPlaces],
  })
).metafile;
const bytes = Object.values(outputs).reduce((sum, output) => sum + output.bytes, 0);
console.log(
  `${(bytes / 1e6).toFixed(1)} MB in ${folder}. On the host: node ${relative(root, join(folder, 'main.mjs'))}`,
);
