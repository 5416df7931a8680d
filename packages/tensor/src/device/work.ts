// The work of a command, for profiles: its name, its shape, operations and bytes.
import type { Command, DispatchCommand } from './command.ts';

/** A command as a profile shows it. Commands with the same `name` and `shape` do the same work. */
export interface CommandInfo {
  readonly name: string;
  readonly shape: string;
  readonly flop: number;
  readonly bytes: number;
}

/** Longer lists of parameters contain strides, which are no use to a reader. */
const mostParams = 13;

export function infoOf(command: Command): CommandInfo {
  if (command.kind === 'dispatch') {
    const { kernel, work } = command;
    const shape = work?.sizes?.join('×') ?? parameterList(command);
    return {
      name: work?.name ?? kernel.name,
      shape,
      flop: work?.flop ?? 0,
      bytes: work?.bytes ?? operandBytes(command),
    };
  }
  const bytes = command.kind === 'clear' ? command.bytes : 2 * command.bytes;
  return { name: command.kind, shape: `${command.bytes} bytes`, flop: 0, bytes };
}

/** The whole-number parameters of a dispatch, or the sizes of its operands if there are many parameters. */
function parameterList({ params, operands }: DispatchCommand): string {
  const whole = params.filter((p) => typeof p === 'number');
  if (whole.length <= mostParams) return whole.join(' ');
  return `of ${operands.map(({ bytes }) => bytes / 4).join(', ')}`;
}

/** The sizes of the operands in bytes. A range that is bound twice counts once. */
function operandBytes({ operands }: DispatchCommand): number {
  const seen = new Map<string, number>();
  for (const operand of operands) {
    if ('view' in operand) seen.set(`${operand.id}`, operand.bytes);
    else seen.set(`${operand.buffer.id}:${operand.offset}`, operand.bytes);
  }
  let total = 0;
  for (const bytes of seen.values()) total += bytes;
  return total;
}
