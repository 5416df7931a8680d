// Loaded by Node before the command: the clock is off by FORGER_TEST_CLOCK milliseconds. `performance.now` is
// not, as on a real system whose clock was set.

const off = Number(process.env.FORGER_TEST_CLOCK);
const Real = Date;
globalThis.Date = class extends Real {
  constructor(...args) {
    if (args.length === 0) super(Real.now() + off);
    else super(...args);
  }
  static now() {
    return Real.now() + off;
  }
};
