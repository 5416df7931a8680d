// losses.svg and report.html: what they show, and that no name can break out of its text.

import { describe, expect, test } from 'vitest';
import { escapeMarkup } from '../../src/report/escape.ts';
import { reportHtml } from '../../src/report/html.ts';
import { lossesSvg, movingMean } from '../../src/report/losses.ts';
import type { MetricsLine } from '../../src/train/metrics-log.ts';
import { decode, sharp } from './pictures.ts';

const HOSTILE = `<script>alert(1)</script>"'&\u0000`;

function metrics(count: number): MetricsLine[] {
  return Array.from({ length: count }, (_, i) => ({
    step: i + 1,
    epoch: 1,
    metrics: { lossD: 1 + Math.sin(i), lossG: i === 7 ? Number.NaN : 2, dReal: 0.75, dFake: 0.25 },
    imagesPerSecond: 100,
    seconds: i,
  }));
}

describe('lossesSvg', () => {
  // A drawing that is no well-formed XML is refused by the renderer.
  test.each([0, 1, 30, 5000])('renders with %i steps', async (count) => {
    const svg = lossesSvg(metrics(count), HOSTILE);
    const { data, width, height } = await decode(await sharp(Buffer.from(svg)).png().toBuffer());
    expect([width, height]).toEqual([860, 600]);
    expect(data.some((value) => value !== 0)).toBe(true);
    expect(svg).not.toContain('NaN');
    expect(svg).not.toContain('<script');
  });

  test('names each line with its last smoothed value', () => {
    const svg = lossesSvg(metrics(100), 'run');
    for (const label of ['loss D', 'loss G 2.00', 'D(x) 0.75', 'D(G(z)) 0.25', 'training step']) {
      expect(svg).toContain(label);
    }
  });

  test('stays small for long runs, and keeps their peaks', () => {
    const long = metrics(100_000);
    long[50_000] = { ...long[50_000]!, metrics: { ...long[50_000]!.metrics, dFake: 0.99 } };
    const svg = lossesSvg(long, 'run');
    expect(svg.length).toBeLessThan(200_000);
    // 0.99 of the lower panel, which is 150 tall and ends at 542.
    expect(svg).toContain(`,${(542 - 0.99 * 150).toFixed(1)}`);
  });
});

test('movingMean averages the neighbours that there are', () => {
  const points = [3, 6, 0, 9].map((y, x) => [x, y] as const);
  expect(movingMean(points, 1).map(([, y]) => y)).toEqual([4.5, 3, 5, 4.5]);
  expect(movingMean(points, 0).map(([, y]) => y)).toEqual([3, 6, 0, 9]);
});

test('reportHtml escapes every name and fetches nothing', () => {
  const html = reportHtml({
    title: HOSTILE,
    summary: HOSTILE,
    samples: [{ caption: HOSTILE, png: Uint8Array.of(1, 2, 3) }],
    lossesSvg: lossesSvg(metrics(10), HOSTILE),
    tables: [{ heading: HOSTILE, rows: [[HOSTILE, HOSTILE]] }],
  });
  expect(html).not.toContain('<script');
  expect(html).not.toContain('\u0000');
  expect(html.match(/&lt;script&gt;/g)).toHaveLength(10);
  expect(html).toContain('src="data:image/png;base64,AQID"');
  expect(html.replace('http://www.w3.org/2000/svg', '')).not.toMatch(
    /https?:|\ssrc="(?!data:)|\shref=|@import|url\((?!#)/,
  );
});

test('escapeMarkup leaves plain text alone', () => {
  expect(escapeMarkup('Grüße, 数字\n\t32x32')).toBe('Grüße, 数字\n\t32x32');
  expect(escapeMarkup(`a<b>&"'`)).toBe('a&lt;b&gt;&amp;&quot;&#39;');
});
