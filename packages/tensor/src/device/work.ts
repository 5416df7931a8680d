// The work of a command, for profiles: its name, its shape, operations and bytes.
import type { Command, DispatchCommand } from './recorder.ts';

/**
 * The work of a dispatch as its launch function reports it. What is left out is derived from the operands.
 */
export interface Work {
  /** Floating-point operations; a multiply-add counts as 2. */
  readonly flop?: number;
  /** Least bytes that must be moved. Default: the sizes of all operands. */
  readonly bytes?: number;
  /** The purpose, where several operations share a kernel. Default: the kernel's name. */
  readonly name?: string;
  /**
   * The sizes that tell this dispatch from others of its kernel, such as [m, n, k]. Default: its parameters.
   */
  readonly sizes?: readonly number[];
}

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
