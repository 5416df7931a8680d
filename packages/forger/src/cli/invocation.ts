// How the person started the command, so that what we tell them to type works for them.

/** `forger`; `pnpm forger` when a script of the repository runs it; npx takes a package's name, not a command's. */
export function commandName(): string {
  const { npm_lifecycle_event: script, npm_package_name: owner } = process.env;
  if (script === 'npx') return 'npx @forger/cli';
  return script !== undefined && owner === '@forger/repository' ? 'pnpm forger' : 'forger';
}

/** A path as a shell takes it. */
export function shellPath(path: string): string {
  return /^[\w./:@%+=,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
