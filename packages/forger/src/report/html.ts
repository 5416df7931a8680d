// report.html: one self-contained page about a run, with its images inside.

import { createHash } from 'node:crypto';
import { escapeMarkup } from './escape.ts';

export interface ReportData {
  /** The run's name. */
  title: string;
  /** One line under it. */
  summary: string;
  /** Sample grids as PNGs, in order, with a caption each; a grid of training images beside them. */
  samples: readonly { caption: string; png: Uint8Array }[];
  real?: { caption: string; png: Uint8Array } | undefined;
  /** What was found wrong with the run. */
  findings?: readonly { title: string; text: string }[];
  /** A drawing of the losses; it is put into the page as it is. */
  lossesSvg: string;
  /** Named values, one table each. */
  tables: readonly { heading: string; rows: readonly (readonly [name: string, value: string])[] }[];
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; overflow-wrap: anywhere; }
.samples { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; flex: 1 1 16rem; max-width: 33rem; }
figure img { width: 100%; image-rendering: pixelated; }
figcaption { opacity: .7; }
svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .15rem 1.5rem .15rem 0; vertical-align: top; overflow-wrap: anywhere; }
th { font-weight: normal; opacity: .7; white-space: nowrap; }
`;

/**
 * Even if a name broke out of its text, nothing would run, and nothing would be fetched: the style is known
 * by its hash.
 */
const POLICY = [
  "default-src 'none'",
  'img-src data:',
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

function figure(what: string, { caption, png }: { caption: string; png: Uint8Array }): string {
  const source = `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
  const text = escapeMarkup(caption);
  return `<figure><img src="${source}" alt="${what}, ${text}"><figcaption>${text}</figcaption></figure>`;
}

/** The page. Every text but `lossesSvg` is escaped. */
export function reportHtml(data: ReportData): string {
  const { real, findings = [] } = data;
  const figures = [
    ...data.samples.map((grid) => figure('Generated pictures', grid)),
    ...(real ? [figure('Training images', real)] : []),
  ];
  const found = findings.map(
    ({ title, text }) => `<p><strong>${escapeMarkup(title)}</strong>. ${escapeMarkup(text)}</p>`,
  );
  const tables = data.tables.map(({ heading, rows }) => {
    const lines = rows.map(
      ([name, value]) => `<tr><th scope="row">${escapeMarkup(name)}</th><td>${escapeMarkup(value)}</td></tr>`,
    );
    return `<h2>${escapeMarkup(heading)}</h2>\n<table>\n${lines.join('\n')}\n</table>`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeMarkup(data.title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeMarkup(data.title)}</h1>
<p>${escapeMarkup(data.summary)}</p>
${found.length > 0 ? `<h2>Diagnosis</h2>\n${found.join('\n')}\n` : ''}<h2>Samples from fixed noise</h2>
<div class="samples">
${figures.join('\n') || '<p>No sample grid was written.</p>'}
</div>
<h2>Losses</h2>
${data.lossesSvg}
${tables.join('\n')}
</body>
</html>
`;
}
