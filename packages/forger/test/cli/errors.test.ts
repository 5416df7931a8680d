// The library's errors speak of tensors and devices; the command adds what its user can do.
import { type ErrorCode, ForgerError, OutOfMemoryError, ShapeError } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { messageFor } from '../../src/cli/errors.ts';

const coded = (code: ErrorCode): ForgerError => new ForgerError('What is wrong.', { code });

describe('the advice for an error', () => {
  test.each<[ErrorCode, string | undefined, string]>([
    ['no-adapter', 'train', 'forger doctor'],
    ['precision', 'train', 'forger doctor'],
    ['out-of-memory', 'train', '--batch-size'],
    ['too-large', 'train', '--image-size'],
    ['kernel', 'train', '--tune off'],
    ['kernel', 'sample', 'Another driver'],
  ])('of %s at forger %s follows its message', (code, command, advice) => {
    const message = messageFor(coded(code), command);
    expect(message).toMatch(/^What is wrong\. /);
    expect(message).toContain(advice);
  });

  test('names no flag that the command does not have', () => {
    for (const code of ['out-of-memory', 'too-large', 'kernel'] as const)
      expect(messageFor(coded(code), 'sample')).not.toContain('--');
    expect(messageFor(coded('no-adapter'), 'doctor')).not.toContain('forger doctor');
  });

  test('is none for other errors', () => {
    expect(messageFor(new ShapeError('add: no.'), 'train')).toBe('add: no.');
  });

  test('is not in the library', () => {
    expect(new OutOfMemoryError('a tensor (8 bytes)').message).not.toMatch(/--|forger /);
  });
});
