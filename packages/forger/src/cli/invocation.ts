// How the person started the command, so that what we tell them to type works for them.

/** `forger`, or `pnpm forger` when a script of the repository runs it. */
export function commandName(): string {
  const script = process.env.npm_lifecycle_event;
  return script === undefined || script === 'npx' ? 'forger' : 'pnpm forger';
}

/** A path as a shell takes it. */
export function shellPath(path: string): string {
  return /^[\w./:@%+=,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
