// What becomes of a device's own reports: the sentence for each kind, which of several counts, and waits that end.

import { DeviceError, DeviceLostError, OutOfMemoryError } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { Failures } from '../../src/device/failure.ts';

class GPUValidationError extends Error {}
class GPUOutOfMemoryError extends Error {}

/** A device that reports what it is told to. */
function deviceOf() {
  const events = new EventTarget();
  let lose!: (info: { reason: string; message: string }) => void;
  const lost = new Promise((resolve) => {
    lose = resolve;
  });
  const gpu = { addEventListener: events.addEventListener.bind(events), lost };
  const report = (error: Error): void => {
    events.dispatchEvent(Object.assign(new Event('uncapturederror', { cancelable: true }), { error }));
  };
  return { failures: new Failures(gpu as unknown as GPUDevice), report, lose };
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

const memory = new GPUOutOfMemoryError(
  'vkAllocateMemory failed\n - While calling [Device].CreateBuffer([BufferDescriptor ""a tensor of shape [2, 3] (24 bytes)""]).',
);
const shader = new GPUValidationError(
  'Error while parsing WGSL: :3:1 error: no such type\nx\n\n - While calling [Device].CreateShaderModule([ShaderModuleDescriptor ""adam""]).',
);

describe('a report', () => {
  test.each([
    [memory, 'no memory left for a tensor of shape [2, 3] (24 bytes): use smaller tensors'],
    [new GPUOutOfMemoryError('no more'), 'no memory left for what was asked for: no more: use'],
    [shader, 'The kernel adam does not compile: :3:1 error: no such type. This is'],
    [
      new GPUValidationError(
        '[Buffer "b"] is too small\n - While calling [Device].CreateBindGroup([X ""adam""]).',
      ),
      'The device refused a call (CreateBindGroup of adam): [Buffer "b"] is too small. This is a fault of Forger',
    ],
    [new GPUValidationError('Something else.'), 'The device refused a call: Something else. This is'],
  ])('%# is one sentence', (error, sentence) => {
    const { failures, report } = deviceOf();
    expect(() => failures.throwIfAny()).not.toThrow();
    report(error);
    expect(() => failures.throwIfAny()).toThrow(DeviceError);
    expect(() => failures.throwIfAny()).toThrow(sentence);
  });

  test('that follows from another does not count before it', async () => {
    const { failures, report } = deviceOf();
    report(new GPUValidationError('[Invalid Buffer] is invalid due to a previous error.'));
    report(memory);
    await turn();
    expect(() => failures.throwIfAny()).toThrow(OutOfMemoryError);
  });

  test('of the loss counts before others, but not before memory that ran out', async () => {
    const others: [Error, typeof DeviceError][] = [
      [shader, DeviceLostError as typeof DeviceError],
      [memory, OutOfMemoryError as typeof DeviceError],
    ];
    for (const [error, kind] of others) {
      const { failures, report, lose } = deviceOf();
      report(error);
      lose({ reason: 'unknown', message: 'gone' });
      await turn();
      expect(() => failures.throwIfAny()).toThrow(kind);
    }
  });

  test('of a loss that was asked for is none', async () => {
    const { failures, lose } = deviceOf();
    failures.close();
    lose({ reason: 'destroyed', message: '' });
    await turn();
    expect(() => failures.throwIfAny()).not.toThrow();
  });
});

describe('a wait', () => {
  test('gives what it waited for', async () => {
    expect(await deviceOf().failures.wait(Promise.resolve(7))).toBe(7);
  });

  test('ends with the device, whatever becomes of the promise', async () => {
    const { failures, lose } = deviceOf();
    let fail!: (reason: Error) => void;
    const late = new Promise<never>((_, reject) => {
      fail = reject;
    });
    const waits = [failures.wait(new Promise(() => {})), failures.wait(late)];
    lose({ reason: 'unknown', message: 'the driver\nwas reset' });
    for (const wait of waits) {
      await expect(wait).rejects.toThrow(DeviceLostError);
      await expect(wait).rejects.toThrow('The device was lost (unknown: the driver): create a new one');
    }
    fail(new Error('late')); // would be an unhandled rejection
    await turn();
  });

  test('that is refused tells of the report, where there is one', async () => {
    const { failures, report } = deviceOf();
    await expect(failures.wait(Promise.reject(new Error('as it is')))).rejects.toThrow('as it is');
    const wait = failures.wait(Promise.reject(new Error('vague')));
    report(shader);
    await expect(wait).rejects.toThrow('The kernel adam does not compile');
  });
});
