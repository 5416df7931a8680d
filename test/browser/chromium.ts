// Opens pages in headless Chromium, served from this machine, with WebGPU on SwiftShader: no GPU is needed.

import { accessSync, constants } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';

/** Where an installed Chromium or Chrome lies, under the names that systems give it; CHROMIUM_PATH goes first. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const MACOS = [
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** The browser's program; undefined where there is none. */
export function findChromium(): string | undefined {
  const { CHROMIUM_PATH, PATH = '' } = process.env;
  const places = PATH.split(path.delimiter).filter((folder) => folder !== '');
  const candidates = [
    ...(CHROMIUM_PATH ? [CHROMIUM_PATH] : []),
    ...NAMES.flatMap((name) => places.map((folder) => path.join(folder, name))),
    ...(process.platform === 'darwin' ? MACOS : []),
  ];
  return candidates.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Why tests in a browser are skipped here; empty where they are not. */
export const NO_CHROMIUM = findChromium()
  ? ''
  : " (skipped: no Chromium in PATH; install Debian's chromium or set CHROMIUM_PATH)";

/**
 * WebGPU without a GPU, and no sandbox: containers and root have no user namespaces. Only files of this
 * machine are opened.
 */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu-sandbox',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
];

export interface Opened {
  page: Page;
  /** Uncaught errors and console errors of the page so far. */
  errors: string[];
  close(): Promise<void>;
}

/**
 * Serves files from localhost, which browsers take for a secure context, and opens the first of them.
 * @param files content by path, such as `/index.html`.
 */
export async function openPage(files: Readonly<Record<string, string | Uint8Array>>): Promise<Opened> {
  const server = await serve(files);
  let browser: Browser | undefined;
  try {
    // Each start has an empty profile of its own, which is removed at the end.
    browser = await chromium.launch({ executablePath: findChromium()!, headless: true, args: FLAGS });
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    const [first] = Object.keys(files);
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}${first}`);
    return {
      page,
      errors,
      close: async () => {
        await browser!.close();
        server.close();
      },
    };
  } catch (error) {
    await browser?.close();
    server.close();
    throw error;
  }
}

const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' };

async function serve(files: Readonly<Record<string, string | Uint8Array>>): Promise<Server> {
  const server = createServer((request, response) => {
    const content = files[request.url ?? ''];
    if (content === undefined) response.writeHead(404).end();
    else {
      response.setHeader('content-type', TYPES[path.extname(request.url!)] ?? 'application/octet-stream');
      response.end(content);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
