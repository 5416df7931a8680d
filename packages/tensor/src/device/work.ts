// What a command asks of the device, for profiles: its name, what tells it from others of its kind, operations, bytes.
import type { Command, DispatchCommand } from './recorder.ts';

/** What a dispatch does, as far as its kernel's launch function says; the rest is worked out from its operands. */
export interface Work {
  /** Floating-point operations, 2 to a multiply-add. */
  readonly flop?: number;
  /** Bytes that must be moved at least. Where absent: the sizes of all operands. */
  readonly bytes?: number;
  /** What it is done for, where kernels are shared. Where absent: the kernel's name. */
  readonly name?: string;
  /** What tells this dispatch from others of its kernel, such as [m, n, k]. Where absent: its parameters. */
  readonly sizes?: readonly number[];
}

/** A command as a profile shows it. Commands with the same `name` and `shape` do the same work. */
export interface CommandInfo {
  readonly name: string;
  readonly shape: string;
  readonly flop: number;
  readonly bytes: number;
}

/** More parameters than this are strides, which tell people nothing. */
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

/** A dispatch's whole-number parameters, or where they are many the elements of its operands. */
function parameterList({ params, operands }: DispatchCommand): string {
  const whole = params.filter((p) => typeof p === 'number');
  if (whole.length <= mostParams) return whole.join(' ');
  return `of ${operands.map(({ bytes }) => bytes / 4).join(', ')}`;
}

/** The sizes of the operands; a range that stands at two bindings counts once. */
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
