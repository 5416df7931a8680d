// The part of the web's Worker that jax-js uses, on Node's threads: a module in a blob, messages both ways.
import { resolveObjectURL } from 'node:buffer';
import { Worker as Thread } from 'node:worker_threads';

const globalsOfAWorker = `
const { parentPort } = require('node:worker_threads');
globalThis.self = globalThis;
globalThis.postMessage = (message) => parentPort.postMessage(message);
parentPort.on('message', (data) => globalThis.onmessage({ data }));
`;

class Worker {
  #thread;
  #waiting = [];
  onmessage = null;
  onerror = null;

  constructor(url) {
    resolveObjectURL(url)
      .text()
      .then((source) => {
        this.#thread = new Thread(globalsOfAWorker + source, { eval: true });
        this.#thread.on('message', (data) => this.onmessage?.({ data }));
        this.#thread.on('error', (error) => this.onerror?.(error));
        for (const message of this.#waiting) this.#thread.postMessage(message);
      });
  }

  postMessage(message) {
    if (this.#thread) this.#thread.postMessage(message);
    else this.#waiting.push(message);
  }
}

/** Without it jax-js computes on one thread in Node. */
export function pretendWorker() {
  globalThis.Worker = Worker;
}
