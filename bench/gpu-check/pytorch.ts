// PyTorch beside us: one process for all cases, spoken to as peers/protocol.mjs says.
import { pytorchServer } from '../peers/list.ts';
import { type Introduction, PeerError, PeerProcess } from '../peers/process.ts';
import { CHECKED_STEPS } from '../peers.ts';

/** What PyTorch is asked for (peers/pytorch.py); on CUDA all with cudnn.benchmark, the last two channels-last. */
export const settings = ['float32', 'tf32', 'amp', 'best', 'best-amp'];

/** One Python for all cases: starting it takes longer than most of them. */
export class PyTorch {
  readonly #process: PeerProcess;
  #opened = 0;
  /** Settings that are not to be had, which are not asked for again. */
  readonly #absent = new Set<string>();

  constructor(python: string) {
    this.#process = new PeerProcess(pytorchServer(python));
  }

  offers(setting: string): boolean {
    return !this.#absent.has(setting);
  }

  /** Throws PeerError. */
  async open(
    path: string,
    setting: string,
    seconds: number,
  ): Promise<{ introduction: Introduction; time(steps: number): Promise<number> }> {
    const run = this.#opened++;
    this.#process.open(path, setting);
    try {
      const introduction = await this.#process.introduction(CHECKED_STEPS, seconds);
      return { introduction, time: (steps) => this.#process.time(steps, run) };
    } catch (error) {
      if (error instanceof PeerError && error.absent) this.#absent.add(setting);
      throw error;
    }
  }

  close(): void {
    this.#process.close();
    this.#opened = 0;
  }

  end(): void {
    this.#process.end();
  }
}
