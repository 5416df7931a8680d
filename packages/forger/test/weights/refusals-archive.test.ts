// ZIP archives and NumPy files that are damaged or hostile get one sentence, and cost neither time nor memory.

import { describe, expect, test } from 'vitest';
import { fixtureBytes, npy, refusal, zip } from './files.ts';

describe('a ZIP archive', () => {
  const main = fixtureBytes('main.pth');
  const unsound = (what: string): string =>
    `the ZIP archive is damaged, cut short or hostile (${what}): copy or download it again`;
  const zeros = new Uint8Array(64 * 2 ** 20);

  test('that is cut short', async () => {
    // Wherever the cut is, the directory at the end is gone.
    for (const part of [0.02, 0.3, 0.6, 0.99])
      expect(await refusal('cut.pth', main.subarray(0, Math.floor(part * main.length)))).toMatch(
        /^the ZIP archive is damaged, cut short or hostile \(/,
      );
    expect(await refusal('cut.pth', main.subarray(0, 2000))).toBe(
      unsound(
        'End of central directory record signature not found. Either not a zip file, or file is truncated.',
      ),
    );
  });

  test('with a name that leaves it, or twice the same', async () => {
    const bytes = new Uint8Array(4);
    expect(await refusal('x.npz', zip([{ name: '../../evil.npy', bytes }]))).toBe(
      unsound('invalid relative path: ../../evil.npy'),
    );
    expect(await refusal('x.npz', zip([{ name: '/evil.npy', bytes }]))).toBe(
      unsound('absolute path: /evil.npy'),
    );
    const twice = zip([
      { name: 'a.npy', bytes },
      { name: 'a.npy', bytes },
    ]);
    expect(await refusal('x.npz', twice)).toBe(unsound('it holds two files called "a.npy"'));
  });

  test('with a wrong checksum or size', async () => {
    const bytes = npy([1], new Uint8Array(4));
    expect(await refusal('x.npz', zip([{ name: 'a.npy', bytes, crc: 1 }]))).toBe(
      unsound('the checksum of "a.npy" is wrong'),
    );
    const flipped = Buffer.from(main);
    flipped[flipped.indexOf('main/data/0') + 100]! ^= 1;
    expect(await refusal('flipped.pth', flipped)).toMatch(/the checksum of "main\/data\/0" is wrong/);
    const more = zip([{ name: 'a.npy', bytes, deflate: true, claimedSize: bytes.length + 1 }]);
    expect(await refusal('x.npz', more)).toMatch(/"a\.npy".*not enough bytes/);
    const less = zip([{ name: 'a.npy', bytes, deflate: true, claimedSize: bytes.length - 1 }]);
    expect(await refusal('x.npz', less)).toMatch(/"a\.npy".*too many bytes/);
    const stored = zip([{ name: 'a.npy', bytes, claimedSize: 2 ** 31 }]);
    expect(await refusal('x.npz', stored)).toMatch(/size mismatch for stored file/);
  });

  test('that unfolds to far more than its size', async () => {
    const bomb = zip([
      { name: 'a.npy', bytes: npy([1], zeros), deflate: true },
      { name: 'b.npy', bytes: npy([1], zeros), deflate: true },
    ]);
    expect(bomb.length).toBeLessThan(200_000);
    expect(await refusal('bomb.npz', bomb)).toMatch(
      /^the file "b\.npy" of the ZIP archive would take \d+ bytes of memory where at most \d+ are allowed/,
    );
    const bytes = npy([1], new Uint8Array(4096));
    const overlapping = zip([
      { name: 'a.npy', bytes },
      ...Array.from({ length: 50 }, (_, i) => ({ name: `${i}.npy`, bytes, sameDataAs: 0 })),
    ]);
    expect(await refusal('bomb.npz', overlapping)).toBe(unsound('its files are together larger than it is'));
  });

  test("that is neither PyTorch's nor numpy's, or a program", async () => {
    const bytes = new Uint8Array(4);
    const neither =
      "it is a ZIP archive, but neither PyTorch's (which holds a data.pkl) nor numpy's (which holds .npy files)";
    expect(await refusal('x.pth', zip([{ name: 'letter.txt', bytes }]))).toBe(neither);
    expect(await refusal('x.pth', zip([]))).toBe(neither);
    const script = zip([
      { name: 'x/data.pkl', bytes },
      { name: 'x/code/__torch__.py', bytes },
    ]);
    expect(await refusal('x.pt', script)).toBe(
      'it is a TorchScript program: in PyTorch, save its weights with torch.save(model.state_dict(), path)',
    );
    const big = zip([
      { name: 'x/data.pkl', bytes },
      { name: 'x/byteorder', bytes: Buffer.from('big') },
    ]);
    expect(await refusal('x.pt', big)).toMatch(/^its byte order is "big"; expected "little"/);
  });

  test('of arrays that are damaged', async () => {
    const array = (bytes: Uint8Array): Promise<string> => refusal('x.npz', zip([{ name: 'a.npy', bytes }]));
    const damaged = (what: string): string => `its array "a" is damaged (${what}): copy or download it again`;
    const four = new Uint8Array(4);
    expect(await array(Buffer.from('letter'))).toBe(damaged('it does not begin as numpy writes arrays'));
    expect(await array(npy([2], four))).toBe(damaged('elements up to number 2 where there are 1'));
    expect(await array(npy([1], four, "{'descr': __import__('os')}"))).toBe(
      damaged('its header is not what numpy writes'),
    );
    expect(await array(npy([1], four).subarray(0, 20))).toMatch(/its header would have \d+ bytes/);
    const big = "{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }";
    expect(await array(npy([1], four, big))).toMatch(
      /^its array "a" has the dtype ">f4"; expected one of <f4, /,
    );
  });
});

test('a file of another kind under a known name', async () => {
  expect(await refusal('letter.pth', Buffer.from('Dear reader'))).toBe(
    'it is neither a ZIP archive nor a pickle, one of which a .pth file is: copy or download it again',
  );
});
