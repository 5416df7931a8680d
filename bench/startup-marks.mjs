// Loaded into the processes that startup.ts starts: at their end it writes when they passed the marks that
// training sets, in milliseconds since the process began, to the file that FORGER_MARKS names.
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  process.on('exit', () => {
    const marks = performance.getEntriesByType('mark').map(({ name, startTime }) => [name, startTime]);
    writeFileSync(process.env.FORGER_MARKS, JSON.stringify(Object.fromEntries(marks)));
  });
}
