// Dead-code elimination for captured steps: drops commands whose results are not used, such as the 1 that a
// backward pass starts from when the loss has already computed its gradient.
import type { PooledBuffer, PooledTexture } from './buffers.ts';
import { itemOf } from './command.ts';
import { operandsOf, type Trace, type TracedCommand, type WantedBuffer } from './trace.ts';

/**
 * The commands of a trace without those that write only items of this step that are neither kept nor used
 * later.
 */
export function withoutUnused({ commands, items }: Trace): TracedCommand[] {
  const used = new Set<PooledBuffer | PooledTexture>();
  const matters = (item: PooledBuffer | PooledTexture): boolean =>
    used.has(item) || !items.has(item as WantedBuffer) || (item as WantedBuffer).held;
  const kept: TracedCommand[] = [];
  for (let at = commands.length - 1; at >= 0; at--) {
    const command = commands[at]!;
    if (!writtenBy(command).some(matters)) continue;
    for (const operand of operandsOf(command)) used.add(itemOf(operand));
    kept.push(command);
  }
  return kept.reverse();
}

function writtenBy(command: TracedCommand): (PooledBuffer | PooledTexture)[] {
  if (command.kind === 'clear') return [command.range.buffer];
  if (command.kind === 'copy') return [command.target.buffer];
  if (command.kind === 'texture_copy') return [command.target];
  const { bindings } = command.kernel;
  return command.operands.filter((_, i) => bindings[i]!.endsWith('write')).map(itemOf);
}
