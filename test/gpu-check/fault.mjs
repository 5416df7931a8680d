// Loaded by `node --import` into gpu-check and all of its processes: those of the stages that
// FORGER_TEST_STAGES names do what it says before they have begun, and no other is run either.
const faults = JSON.parse(process.env.FORGER_TEST_STAGES);
const at = process.argv.indexOf('--stage');
if (at >= 0) {
  const fault = faults[process.argv[at + 1]];
  if (fault === 'hang') while (true);
  if (fault === 'crash') process.abort();
  if (fault === 'fail') throw new Error('a stage that does not load');
  if (fault !== undefined) throw new Error(`there is no fault ${fault}`);
}
