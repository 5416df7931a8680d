// A stage, and the objects that it gets.
import type { Device } from '@forger/tensor';
import { describeMachine } from '../results.ts';
import { type DeviceRequest, openDevice } from './forger.ts';
import { MACHINE, send } from './protocol.ts';
import type { Rules } from './rules.ts';

export interface StageOptions {
  readonly rules: Rules;
  /** A Python that may have torch. */
  readonly python: string;
  /** A folder with further golden cases, or null. */
  readonly golden: string | null;
  /** Where pictures go. */
  readonly out: string;
  /** Seconds until the process is ended. */
  readonly seconds: number;
}

export type Stage = (context: StageContext) => Promise<void>;

/** Of its limit, what a stage leaves for what it has begun, at least and as a share. */
const SPARE = { seconds: 1.5, share: 0.08 };

export class StageContext {
  readonly options: StageOptions;
  readonly #end: number;
  #ended = false;
  #told = false;

  constructor(options: StageOptions) {
    this.options = options;
    const spare = Math.max(SPARE.seconds, SPARE.share * options.seconds);
    this.#end = 1000 * (options.seconds - spare); // on the process's own clock, which began with it
  }

  /** Seconds that are left for further work. */
  left(): number {
    return (this.#end - performance.now()) / 1000;
  }

  /** @returns whether it held. */
  check(name: string, ok: boolean, detail: string, data?: object): boolean {
    send({ type: 'check', name, ok, detail, ...(data && { data }) });
    return ok;
  }

  /** @param shown whether the table at the end has it. */
  figure(name: string, text: string, data: object, shown = false): void {
    send({ type: 'figure', name, text, data, shown });
  }

  note(text: string): void {
    send({ type: 'note', text });
  }

  headline(text: string): void {
    send({ type: 'headline', text });
  }

  /** The stage does not apply here. It should return then. */
  skip(reason: string): void {
    this.#ended = true;
    send({ type: 'skipped', text: reason });
  }

  /** Runs `fn` on a device of its own; an error becomes a check that does not hold, and what comes after goes on. */
  async attempt(
    name: string,
    request: Omit<DeviceRequest, 'rules'>,
    fn: (device: Device) => Promise<void>,
  ): Promise<void> {
    let device: Device | undefined;
    try {
      device = await this.open(request);
      await fn(device);
    } catch (error) {
      this.check(name, false, messageOf(error));
    } finally {
      device?.destroy();
    }
  }

  /** Opens a device with the rules asked for. */
  async open(request: Omit<DeviceRequest, 'rules'> = {}): Promise<Device> {
    const device = await openDevice({ ...request, rules: this.options.rules });
    if (!this.#told) this.#tell(device);
    return device;
  }

  /** Says once what machine this is: any stage may be the only one. */
  #tell(device: Device): void {
    this.#told = true;
    const { vendor, architecture, device: model, description } = device.adapter;
    const adapter = [vendor, architecture, model, description].filter(Boolean).join(', ');
    this.figure(MACHINE, adapter, { ...describeMachine(device), adapter, rules: this.options.rules });
  }

  /** Sends the last record, unless it was sent. */
  done(): void {
    if (!this.#ended) send({ type: 'done', text: '' });
  }
}

/** An error in one line. */
export function messageOf(error: unknown): string {
  const { name, message } = error as Error;
  return `${name ?? 'Error'}: ${String(message ?? error).split('\n')[0]}`;
}
