// Joins a TypeScript file of this repository and everything of ours that it imports into a few JavaScript files under
// node_modules/.cache/forger, so that a later start reads those instead of translating a hundred and fifty. A bundle is
// used again as long as none of the files that it was made from has changed.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const cache = join(root, 'node_modules/.cache/forger');

/**
 * Bundles that no run has made anew for this long are removed; a training run may still be loading parts of its own.
 */
const keptDays = 30;

/** Packages of plain JavaScript that start faster when they are joined too. All others stay where they are. */
export const joined = /^(@forger|forger|zod|d3-[a-z]+|internmap)(\/|$)/;

const hash = (content) => createHash('sha256').update(content).digest('hex').slice(0, 16);

/** Bundles `entry` (an absolute path) unless that is done. @returns the path of the JavaScript to import. */
export async function bundle(entry) {
  const list = join(cache, `${hash(entry)}.json`);
  const made = existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) : undefined;
  if (made && isCurrent(made)) return made.output;
  const { build, version } = await import('esbuild');
  const inputs = [fileURLToPath(import.meta.url)];
  const folder = join(cache, `${hash(entry)}-${Date.now()}-${process.pid}`);
  const { metafile } = await build({
    entryPoints: [entry],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true, // what is imported on demand stays so
    format: 'esm',
    platform: 'node',
    target: `node${process.versions.node}`,
    conditions: ['@forger/source'],
    sourcemap: 'linked',
    metafile: true,
    absWorkingDir: root,
    logLevel: 'silent',
    plugins: [leaveOthers, keepPlaces],
  });
  inputs.push(...Object.keys(metafile.inputs).map((path) => join(root, path)));
  const output = join(folder, `${basename(entry).replace(/\.\w+$/, '')}.mjs`);
  const text = JSON.stringify({ output, inputs: hashes(inputs), esbuild: version });
  writeFileSync(`${list}.${process.pid}`, text);
  renameSync(`${list}.${process.pid}`, list);
  removeOld();
  return output;
}

const hashes = (paths) => Object.fromEntries(paths.map((path) => [path, hash(readFileSync(path))]));

function isCurrent({ output, inputs }) {
  return (
    existsSync(output) &&
    Object.entries(inputs).every(([path, known]) => existsSync(path) && hash(readFileSync(path)) === known)
  );
}

/** Packages that are not joined are imported from where Node would find them. */
const leaveOthers = {
  name: 'leave-others',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^[^./]/ }, async ({ path, pluginData, resolveDir, kind }) => {
      if (pluginData === leaveOthers || joined.test(path) || kind === 'entry-point') return undefined;
      if (path.startsWith('node:') || builtinModules.includes(path)) return { path, external: true };
      const found = await resolve(path, { resolveDir, kind, pluginData: leaveOthers });
      if (found.errors.length > 0) return { errors: found.errors };
      return { path: pathToFileURL(found.path).href, external: true };
    });
  },
};

/** `import.meta.url` and `import.meta.resolve('…')` mean the file that they are written in, not the bundle. */
const keepPlaces = {
  name: 'keep-places',
  setup({ onLoad, resolve }) {
    onLoad({ filter: /\.(ts|mjs)$/ }, async ({ path }) => {
      if (/[\\/]node_modules[\\/]/.test(path)) return undefined;
      const source = readFileSync(path, 'utf8');
      if (!source.includes('import.meta.')) return undefined;
      const places = new Map([['import.meta.url', pathToFileURL(path).href]]);
      for (const [call, , name] of source.matchAll(/import\.meta\.resolve\((['"])(.*?)\1\)/g)) {
        const options = { resolveDir: dirname(path), kind: 'import-statement', pluginData: leaveOthers };
        places.set(call, pathToFileURL((await resolve(name, options)).path).href);
      }
      let contents = source;
      for (const [written, url] of places) contents = contents.replaceAll(written, JSON.stringify(url));
      return { contents, loader: 'ts' };
    });
  },
};

function removeOld() {
  mkdirSync(cache, { recursive: true });
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if (Date.now() - statSync(path).mtimeMs > keptDays * 86_400_000)
      rmSync(path, { recursive: true, force: true });
  }
}
