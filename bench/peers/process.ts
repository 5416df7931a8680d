// A peer as a child process of the driver, spoken to as protocol.mjs says.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Losses of a step: the discriminator's, the generator's. */
export type Losses = readonly [number, number];

/** Of a peer's convolutions. */
export type Precision = 'float32' | 'tf32' | 'float16';

/** What a peer says of itself and of the steps that are compared with ours. */
export interface Introduction {
  readonly version: string;
  readonly precision: Precision;
  readonly losses: readonly Losses[];
  /** Time of the last of these steps. */
  readonly milliseconds: number;
}

/** A peer that is not here (`absent`), or that is and does not do the step. */
export class PeerError extends Error {
  readonly absent: boolean;
  /** Whether its process has ended, or was never begun. */
  readonly ended: boolean;

  constructor(message: string, absent: boolean, ended = false) {
    super(message);
    this.absent = absent;
    this.ended = ended;
  }
}

/** Of what it writes on stderr, what is kept to explain its end. */
const KEPT_CHARACTERS = 2000;

export class PeerProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #stderr = '';
  #error: NodeJS.ErrnoException | undefined;

  constructor([program, ...args]: readonly string[]) {
    this.#child = spawn(program!, args);
    this.#child.on('error', (error) => {
      this.#error = error;
    });
    this.#child.stdin.on('error', () => {}); // it ended; the next answer is missing, and says so
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-KEPT_CHARACTERS);
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Waits for its first `steps` steps, `seconds` at most. Throws PeerError. */
  async introduction(steps: number, seconds: number): Promise<Introduction> {
    const losses: Losses[] = [];
    let milliseconds = 0;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.end();
    }, 1000 * seconds);
    try {
      const { version, precision } = (await this.#answer()) as unknown as Introduction;
      while (losses.length < steps) {
        const said = await this.#answer();
        losses.push(said.losses as Losses);
        milliseconds = said.milliseconds as number;
      }
      return { version, precision, losses, milliseconds };
    } catch (error) {
      if (!late) throw error;
      throw new PeerError(`trained ${losses.length} of ${steps} steps in ${seconds} s`, false, true);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks a process that was started without a case to open one, beside those it has. Then comes its introduction. */
  open(path: string, setting: string): void {
    this.#say({ case: path, setting });
  }

  /** Lets go of all cases. */
  close(): void {
    this.#say({ close: true });
  }

  /**
   * Milliseconds of one step, the mean of `steps` in a row. Throws PeerError.
   * @param run which of the cases that were opened, from 0; the last where it is left out.
   */
  async time(steps: number, run?: number): Promise<number> {
    this.#say(run === undefined ? { steps } : { steps, run });
    const { milliseconds } = await this.#answer();
    return (milliseconds as number) / steps;
  }

  /** Ends it. */
  end(): void {
    this.#child.stdin.end();
    this.#child.kill();
  }

  #say(request: object): void {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
  }

  async #answer(): Promise<Record<string, unknown>> {
    const { value, done } = await this.#lines.next();
    if (done) throw this.#gone();
    const said = JSON.parse(value) as Record<string, unknown>;
    if ('absent' in said) throw new PeerError(String(said.absent), true);
    if ('cannot' in said) throw new PeerError(String(said.cannot), false);
    return said;
  }

  #gone(): PeerError {
    if (this.#error) return new PeerError(`${this.#error.path}: ${this.#error.code}`, true, true);
    const last = this.#stderr.trim().split('\n').at(-1);
    return new PeerError(`it ended${last ? `: ${last}` : ' without a word'}`, false, true);
  }
}
