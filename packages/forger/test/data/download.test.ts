// Downloads from servers that fail, lie or are hostile: over HTTPS alone, bounded, checked, and whole or not at all.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, utimesSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Download, download } from '../../src/data/download.ts';
import { NAMED_SETS } from '../../src/data/named.ts';
import { rejection, temporaryFolder, write } from './helpers.ts';

const content = Buffer.from('pictures '.repeat(1000));
const file = (...urls: string[]): Download => ({
  name: 'set.bin',
  urls,
  bytes: content.length,
  sha256: createHash('sha256').update(content).digest('hex'),
});

/** A server on this machine. @returns its address. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What a download is refused with; it leaves nothing behind. */
async function refused(wanted: Download): Promise<string> {
  const folder = temporaryFolder();
  const message = await rejection(download('tiny', wanted, folder, undefined), 'DataError');
  expect(readdirSync(folder)).toEqual([]);
  return message;
}

test('every published set is downloaded over HTTPS and has a checksum', () => {
  for (const { file } of NAMED_SETS) {
    expect(file.sha256 ?? file.sha1).toMatch(/^[0-9a-f]{40}([0-9a-f]{24})?$/);
    for (const url of file.urls) expect(url).toMatch(/^https:\/\//);
  }
});

describe('HTTPS alone:', () => {
  test('another address is not asked at all', async () => {
    const fetch = vi.fn();
    vi.stubGlobal('fetch', fetch);
    onTestFinished(() => void vi.unstubAllGlobals());
    for (const url of ['http://example.org/x', 'ftp://example.org/x', 'file:///etc/passwd', 'data:,x'])
      expect(await refused(file(url))).toMatch(/is not HTTPS/);
    expect(fetch).not.toHaveBeenCalled();
  });

  test.each(['http://example.org/x', 'http://127.0.0.1/x', 'file:///etc/passwd'])(
    'a server that sends on to %s is not followed',
    async (location) => {
      const fetch = vi.fn(async () => new Response('', { status: 302, headers: { location } }));
      vi.stubGlobal('fetch', fetch);
      onTestFinished(() => void vi.unstubAllGlobals());
      expect(await refused(file('https://example.org/x'))).toMatch(/it sends on to .*, which is not HTTPS/);
      expect(fetch).toHaveBeenCalledTimes(1);
    },
  );

  test('one that sends on a few times is followed, one without end is not', async () => {
    let left = 3;
    const url = await serve((_, response) => {
      if (left-- > 0) response.writeHead(302, { location: '/again' }).end('not this');
      else response.end(content);
    });
    const folder = temporaryFolder();
    expect(readFileSync(await download('tiny', file(url), folder, undefined))).toEqual(content);
    left = Number.POSITIVE_INFINITY;
    expect(await refused(file(url))).toContain('it sends on more than 5 times');
  });
});

describe('a server that', () => {
  test('sends without end is stopped at the size that is known', async () => {
    let sent = 0;
    const url = await serve((_, response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) sent += 65_536;
      };
      response.on('drain', more);
      more();
    });
    expect(await refused(file(url))).toContain(`it sent more than the ${content.length} bytes expected`);
    // Some of it lay in buffers on the way.
    expect(sent).toBeLessThan(64 * 2 ** 20);
  });

  test('dies midway is given up, and the next address is asked from the start', async () => {
    const dying = await serve((_, response) => {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 4000), () => response.destroy());
    });
    const right = await serve((_, response) => void response.end(content));
    expect(await refused(file(dying))).toMatch(/could not be downloaded \(127\.0\.0\.1:\d+: /);
    const folder = temporaryFolder();
    expect(readFileSync(await download('tiny', file(dying, right), folder, undefined))).toEqual(content);
    expect(readdirSync(folder)).toEqual(['set.bin']);
  });

  test('announces another length than it sends', async () => {
    const long = await serve((_, response) => {
      response.writeHead(200, { 'content-length': content.length * 2 });
      response.end(content);
    });
    expect(await refused(file(long))).toMatch(/could not be downloaded/);
    const { bytes: _, ...unknown } = file(
      await serve((_, response) => {
        response.useChunkedEncodingByDefault = false;
        response.writeHead(200, { 'content-length': 10 }).end(content.subarray(0, 10));
      }),
    );
    expect(await refused(unknown)).toContain('what it sent has another checksum');
  });

  test('names the file itself is not listened to', async () => {
    const url = await serve((_, response) => {
      response.setHeader('content-disposition', 'attachment; filename="../../escaped"');
      response.end(content);
    });
    const folder = path.join(temporaryFolder(), 'cache');
    await download('tiny', file(`${url}/..%2f..%2fescaped`), folder, undefined);
    expect(readdirSync(folder)).toEqual(['set.bin']);
    expect(readdirSync(path.dirname(folder))).toEqual(['cache']);
  });
});

test('what a download left behind that was killed is removed by the next, one under way is not', async () => {
  const url = await serve((_, response) => void response.end(content));
  const folder = temporaryFolder();
  const [old, young] = [write(folder, 'set.bin.1.part', 'x'), write(folder, 'set.bin.2.part', 'x')];
  write(folder, 'other.part', 'x');
  const yesterday = Date.now() / 1000 - 86_400;
  utimesSync(old, yesterday, yesterday);
  await download('tiny', file(url), folder, undefined);
  expect(readdirSync(folder).sort()).toEqual(['other.part', 'set.bin', path.basename(young)]);
});
