#!/usr/bin/env node
// The `forger` command. Everything it does is in program.ts; this file only runs it and ends the process.

import { run } from './program.ts';

// A reader that goes away (`forger recipes | head -1`) is no error; 141 is what a shell reports for it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(141);
});

process.exitCode = await run(process.argv.slice(2));
