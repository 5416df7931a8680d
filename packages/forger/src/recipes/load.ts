// From what --recipe names to a task: one of Forger's recipes, or a user's own TypeScript or JavaScript file.

import { stat } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as dcgan from '@forger/dcgan';
import { type AnyTask, findRecipe, type Hook, recipes } from '@forger/dcgan';
import { checkTask, shown } from '@forger/dcgan/internal';
import * as nn from '@forger/nn';
import * as tensor from '@forger/tensor';
import { ConfigError } from '@forger/tensor';
import { isTaskFile } from './task-file.ts';

/** What a recipe's file gives. */
export interface LoadedTask {
  readonly task: AnyTask;
  /** New hooks for a run. */
  readonly hooks: () => readonly Hook[];
}

/**
 * The task of a name or a file. A file's default export is the task; it may also export `hooks`, a function that gives
 * the hooks of a run.
 * @param Fault what is thrown for an unknown name.
 * @throws ConfigError, which says what is wrong with the file.
 */
export async function loadTask(
  recipe: string,
  Fault: new (message: string) => Error = ConfigError,
): Promise<LoadedTask> {
  if (Object.hasOwn(recipes, recipe) || !isTaskFile(recipe))
    return { task: findRecipe(recipe, Fault), hooks: () => [] };
  const path = resolve(recipe);
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile())
    throw new ConfigError(
      `The recipe ${shown(path, 300)} ${found ? 'is no file' : 'does not exist'}; give the path of a TypeScript or JavaScript file, or one of the recipes ${Object.keys(recipes).join(', ')}`,
    );
  const module = await importFile(path);
  if (!('default' in module))
    throw new ConfigError(
      `${path} has no default export; expected the task, as in \`export default defineTask({ … })\``,
    );
  checkTask(module.default, path);
  const { hooks = () => [] } = module;
  if (typeof hooks !== 'function')
    throw new ConfigError(
      `${path} exports hooks that are no function; expected \`export const hooks = () => [ … ]\``,
    );
  return { task: module.default, hooks: hooks as LoadedTask['hooks'] };
}

/** The packages that a user's file shares with the command: with copies of their own, no tensor would know another. */
const SHARED: Readonly<Record<string, object>> = {
  '@forger/tensor': tensor,
  '@forger/nn': nn,
  '@forger/dcgan': dcgan,
};
const KEY = Symbol.for('forger.modules');

/**
 * Imports a file as it is now: esbuild translates it and its own relative imports in memory, @forger packages are those
 * that run here, and everything else is imported from where Node finds it.
 */
async function importFile(path: string): Promise<Record<string, unknown>> {
  (globalThis as Record<symbol, unknown>)[KEY] = SHARED;
  const { build } = await import('esbuild');
  let text: string;
  try {
    const { outputFiles } = await build({
      entryPoints: [path],
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      target: `node${process.versions.node}`,
      sourcemap: 'inline',
      logLevel: 'silent',
      // In two words, since a bundler of this file would replace them here.
      define: { [['import.meta', 'url'].join('.')]: JSON.stringify(pathToFileURL(path).href) },
      plugins: [
        {
          name: 'shared-packages',
          setup({ onResolve, onLoad, resolve: find }) {
            onResolve({ filter: /^@forger\// }, ({ path: name }) =>
              name in SHARED ? { path: name, namespace: 'forger' } : undefined,
            );
            onLoad({ filter: /.*/, namespace: 'forger' }, ({ path: name }) => ({ contents: shim(name) }));
            onResolve({ filter: /^[^./]/ }, async ({ path: name, kind, resolveDir, pluginData }) => {
              if (pluginData === KEY || kind === 'entry-point' || isAbsolute(name) || name in SHARED)
                return undefined;
              if (name.startsWith('node:')) return { path: name, external: true };
              const { path: at, errors } = await find(name, { resolveDir, kind, pluginData: KEY });
              if (errors.length > 0) return { errors };
              return { path: isAbsolute(at) ? pathToFileURL(at).href : at, external: true };
            });
          },
        },
      ],
    });
    text = outputFiles[0]!.text;
  } catch (error) {
    const [first] = (error as { errors?: readonly BuildFault[] }).errors ?? [];
    if (!first) throw error;
    const place = first.location ? `:${first.location.line}:${first.location.column + 1}` : '';
    throw new ConfigError(`${path}${place} cannot be read as a recipe: ${shown(first.text, 300)}`, {
      cause: error,
    });
  }
  try {
    const url = `data:text/javascript;base64,${Buffer.from(text).toString('base64')}`;
    return await import(url);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`${path} failed when it was loaded: ${shown(reason, 300)}`, { cause: error });
  }
}

interface BuildFault {
  readonly text: string;
  readonly location: { readonly line: number; readonly column: number } | null;
}

/** A module that gives the names of a package that is loaded already. */
function shim(name: string): string {
  const names = Object.keys(SHARED[name]!).filter((exported) => /^[A-Za-z_$][\w$]*$/.test(exported));
  return [
    `const shared = globalThis[Symbol.for('forger.modules')][${JSON.stringify(name)}];`,
    `export const { ${names.join(', ')} } = shared;`,
  ].join('\n');
}

/** Paths of a recipe's file are kept whole: a run may be resumed from another folder. */
export function absoluteRecipe(recipe: string): string {
  return isTaskFile(recipe) && !Object.hasOwn(recipes, recipe) ? resolve(recipe) : recipe;
}
