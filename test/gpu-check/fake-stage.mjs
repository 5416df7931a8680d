// Stands for the process of a stage: does what its argument says, and speaks on file descriptor 3 as a stage does.
import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';

const say = (record) => writeSync(3, `${JSON.stringify(record)}\n`);
const check = (ok) => say({ type: 'check', name: 'sums', ok, detail: ok ? 'right' : 'off by 1' });
const figure = (text) => say({ type: 'figure', name: 'rate', text, data: {}, shown: true });
const done = () => say({ type: 'done', text: '' });

const acts = {
  ok() {
    check(true);
    figure('slow');
    figure('fast'); // takes the place of the one before
    say({ type: 'note', text: 'half was left out' });
    say({ type: 'headline', text: 'all right' });
    done();
  },
  wrong() {
    check(true);
    check(false);
    done();
  },
  skip() {
    say({ type: 'skipped', text: 'there is no such thing here' });
  },
  fail() {
    check(true);
    say({ type: 'error', text: 'DeviceLostError: the device is gone' });
    process.exitCode = 1;
  },
  /** Busy, as a driver that spins, with a child that holds the pipes. */
  hang() {
    check(true);
    const { pid } = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
      stdio: ['ignore', 'inherit', 'inherit', 3],
    });
    say({ type: 'note', text: String(pid) });
    while (true);
  },
  crash() {
    check(true);
    writeSync(3, '{"type":"check","na'); // in the midst of a line
    console.error('the driver has fallen over');
    process.abort();
  },
  quiet() {
    check(true);
  },
  unhappy() {
    done();
    process.exitCode = 7;
  },
};

acts[process.argv[2]]();
