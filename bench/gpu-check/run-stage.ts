// The process of a stage: loads it, runs it, says how it ended.
import { send } from './protocol.ts';
import type { StageOptions } from './stage.ts';
import { stages } from './stages.ts';

/** Runs one stage and ends the process. */
export async function runStage(name: string, options: StageOptions): Promise<never> {
  try {
    const entry = stages.find((stage) => stage.name === name);
    if (!entry) throw new Error(`There is no stage ${name}.`);
    const { StageContext } = await import('./stage.ts');
    const context = new StageContext(options);
    const stage = await entry.load();
    await stage(context);
    context.done();
  } catch (error) {
    console.error(error);
    send({ type: 'error', text: String((error as Error).stack ?? error).split('\n')[0]! });
    process.exitCode = 1;
  }
  process.exit(); // whatever is still open
}
