// Bundles for tests of what runs in browsers: a module bundled with esbuild, and what the bundle still asks of Node.

import { type BuildOptions, build } from 'esbuild';

/** What only Node has, should it stand in the text without being imported. */
export const FOR_NODE = /node:|\brequire\s*\(|\bprocess\.|\bBuffer\./;

/** As a bundler for browsers resolves our packages, from their sources. */
export const FOR_BROWSER: BuildOptions = { platform: 'browser', conditions: ['browser', '@forger/source'] };

export interface Bundle {
  text: string;
  /** Paths of the modules in it, relative to the repository. */
  inputs: string[];
  graph: Record<string, { imports: { path: string }[] }>;
  /** Modules that the bundle would still load when it runs. */
  imports: string[];
}

/**
 * Bundles the text of a module.
 * @param resolveDir folder that its relative imports start from.
 */
export async function bundle(
  contents: string,
  options: BuildOptions,
  resolveDir = import.meta.dirname,
): Promise<Bundle> {
  const { metafile, outputFiles } = await build({
    stdin: { contents, resolveDir, loader: 'ts' },
    bundle: true,
    format: 'esm',
    write: false,
    metafile: true,
    logLevel: 'silent',
    ...options,
  });
  return {
    text: outputFiles![0]!.text,
    inputs: Object.keys(metafile!.inputs),
    graph: metafile!.inputs,
    imports: Object.values(metafile!.outputs).flatMap((output) => output.imports.map(({ path }) => path)),
  };
}
