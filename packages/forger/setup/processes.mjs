// Child processes of the set-up: started without blocking, so that an interrupt is heard, and stopped with it.
import { spawn } from 'node:child_process';

/**
 * Runs a command to its end and resolves to {status, stdout, stderr}; status is null if a signal or a missing
 * program ended it. Output that `options.stdio` does not pipe is empty.
 */
export function runCommand(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) {
      child[name]?.setEncoding('utf8').on('data', (text) => {
        output[name] += text;
      });
    }
    const stop = () => child.kill('SIGTERM');
    process.on('exit', stop);
    child.on('error', (error) => {
      output.stderr += error.message;
    });
    child.on('close', (status) => {
      process.off('exit', stop);
      resolve({ status, ...output });
    });
  });
}

/** Runs `work`; if SIGINT, SIGTERM or SIGHUP comes meanwhile, runs `cleanUp` and ends the process. */
export async function interruptible(work, cleanUp) {
  const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };
  const stop = (signal) => {
    cleanUp();
    process.exit(codes[signal]);
  };
  for (const signal of Object.keys(codes)) process.on(signal, stop);
  try {
    return await work();
  } finally {
    cleanUp();
    for (const signal of Object.keys(codes)) process.off(signal, stop);
  }
}
