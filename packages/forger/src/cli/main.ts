#!/usr/bin/env node
// The `forger` command. Everything it does is in program.ts; this file only runs it and ends the process.

import { watchOutput } from './output.ts';
import { run } from './program.ts';

watchOutput();
process.exitCode = await run(process.argv.slice(2));
