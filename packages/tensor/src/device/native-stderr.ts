// Node only. Captures what C libraries write to stderr while they look for an adapter, so that a user sees none of it
// where all is well. Where a Vulkan driver allows more dynamic buffers than Dawn tracks (Mesa's do), Dawn writes two
// lines at every start, from C++ and with no switch (Limits.cpp, NormalizeLimits); Forger uses no dynamic buffers. And
// where the system's driver is too old, Dawn says so before the private copy answers.
//
// Dawn writes inside the call of requestAdapter. For that call file descriptor 2 is a file in memory. Node cannot
// exchange descriptors, so libc's dup2 is called through koffi, an optional dependency: without it, and on systems
// other than Linux, everything is printed as Dawn prints it.
import { closeSync, fstatSync, readSync, writeSync } from 'node:fs';

const LIMIT_WARNINGS =
  /^Warning: maxDynamic(Uniform|Storage)BuffersPerPipelineLayout artificially reduced from \d+ to \d+ to fit dynamic offset allocation limit\.\n/gm;

/** Text that Dawn or a driver wrote, without Dawn's two warnings about dynamic buffers. */
export function withoutLimitWarnings(text: string): string {
  return text.replace(LIMIT_WARNINGS, '');
}

/** Runs a function; `text` is what was written to file descriptor 2 before it returned, and not printed. */
export type Capture = <T>(call: () => T) => { value: T; text: string };

const nothingCaptured: Capture = (call) => ({ value: call(), text: '' });

let loaded: Promise<Capture> | undefined;

/** The capture for this process; one that captures nothing where descriptors cannot be exchanged. */
export function stderrCapture(): Promise<Capture> {
  loaded ??= load().catch(() => nothingCaptured);
  return loaded;
}

/** Prints captured text after all. */
export function print(text: string): void {
  if (text === '') return;
  try {
    writeSync(2, text);
  } catch {
    // A reader that is gone or slow is no reason to fail.
  }
}

async function load(): Promise<Capture> {
  if (process.platform !== 'linux') return nothingCaptured;
  const { default: koffi } = await import('koffi');
  const libc = koffi.load(null);
  const duplicate = libc.func('int dup(int)') as (file: number) => number;
  const replace = libc.func('int dup2(int, int)') as (from: number, to: number) => number;
  const memoryFile = libc.func('int memfd_create(const char *, unsigned int)') as (
    name: string,
    flags: number,
  ) => number;
  const closeOnExec = 1;
  return (call) => {
    const original = duplicate(2);
    if (original < 0) return nothingCaptured(call);
    const file = memoryFile('forger-stderr', closeOnExec);
    if (file < 0 || replace(file, 2) < 0) {
      closeSync(original);
      return nothingCaptured(call);
    }
    const putBack = (): string => {
      replace(original, 2);
      closeSync(original);
      const bytes = Buffer.alloc(fstatSync(file).size);
      readSync(file, bytes, 0, bytes.length, 0);
      closeSync(file);
      return bytes.toString();
    };
    try {
      const value = call();
      return { value, text: putBack() };
    } catch (error) {
      print(putBack());
      throw error;
    }
  };
}
