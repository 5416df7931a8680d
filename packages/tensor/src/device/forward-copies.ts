// Copy elimination for captured steps. Where a result is only copied to its destination (a gradient into an
// optimizer's flat buffer, for example), the kernel that computes it writes to the destination instead.
import type { BufferRange } from './buffers.ts';
import { itemOf, type Operand } from './command.ts';
import { operandsOf, type Trace, type TracedCommand, WantedBuffer } from './trace.ts';

/**
 * The commands of a trace without the copies that can be eliminated: those whose source belongs to this step
 * and is not used again, and whose destination is not used between the computation and the copy.
 * @param alignment of the offsets of bound ranges.
 */
export function forwardCopies(trace: Trace, alignment: number): TracedCommand[] {
  const { commands } = trace;
  const users = new Map<object, number[]>();
  for (const [at, command] of commands.entries()) {
    for (const item of new Set(operandsOf(command).map(itemOf))) {
      const list = users.get(item);
      if (list) list.push(at);
      else users.set(item, [at]);
    }
  }
  const dropped = new Set<number>();
  for (const [at, copy] of commands.entries()) {
    if (copy.kind !== 'copy') continue;
    const { source, target } = copy;
    const item = source.buffer;
    if (!(item instanceof WantedBuffer) || !trace.items.has(item) || item.held) continue;
    const uses = users.get(item)!;
    if (uses.at(-1) !== at || uses.length < 2) continue;
    const before = uses.slice(0, -1).map((i) => commands[i]!);
    const moved = (o: Operand): Operand =>
      !('view' in o) && o.buffer === item
        ? { buffer: target.buffer, offset: o.offset - source.offset + target.offset, bytes: o.bytes }
        : o;
    const fits = (o: Operand): boolean => {
      if ('view' in o) return true;
      if (o.buffer === target.buffer) return false;
      if (o.buffer !== item) return true;
      const offset = o.offset - source.offset;
      return offset >= 0 && offset + o.bytes <= copy.bytes && (offset + target.offset) % alignment === 0;
    };
    if (before.some((command) => 'source' in command || !operandsOf(command).every(fits))) continue;
    const untouched = (users.get(target.buffer) ?? []).every(
      (i) => i < uses[0]! || i >= at || dropped.has(i) || !touches(commands[i]!, target, copy.bytes),
    );
    if (!untouched) continue;
    for (const command of before) {
      if (command.kind === 'dispatch') command.operands = command.operands.map(moved);
      else if (command.kind === 'clear') command.range = moved(command.range) as BufferRange;
    }
    users.set(
      target.buffer,
      [...(users.get(target.buffer) ?? []), ...uses].sort((a, b) => a - b),
    );
    dropped.add(at);
  }
  return commands.filter((_, at) => !dropped.has(at));
}

/** Whether a command uses any of `bytes` bytes from the start of a range. */
function touches(command: TracedCommand, { buffer, offset }: BufferRange, bytes: number): boolean {
  return operandsOf(command).some(
    (o) => !('view' in o) && o.buffer === buffer && o.offset < offset + bytes && offset < o.offset + o.bytes,
  );
}
