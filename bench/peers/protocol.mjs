// What a peer in JavaScript and the driver (bench/peers.ts) say to each other, a JSON object a line. The peer
// is started with the case file and its setting and says {"version", "precision": of its convolutions}; it
// trains one step on each of the case's latents and says {"losses": [discriminator's, generator's],
// "milliseconds"} after each. If it does not do the step: {"cannot": reason}.
// Then for each {"steps": n} it trains n steps, reads the losses of the last and says {"milliseconds": of all n}.
// It ends when its input does.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** The tensors of a safetensors file of float32, by name: {shape, data}. */
export function readCase(path) {
  const bytes = readFileSync(path);
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerLength));
  const tensors = new Map();
  for (const [name, { shape, data_offsets }] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const [begin, end] = data_offsets.map((offset) => 8 + headerLength + offset);
    tensors.set(name, { shape, data: new Float32Array(new Uint8Array(bytes.subarray(begin, end)).buffer) });
  }
  const { lr } = header.__metadata__;
  const latents = [...tensors.keys()].filter((name) => name.startsWith('latents.')).sort();
  return { lr: Number(lr), tensors, real: tensors.get('real'), latents: latents.map((n) => tensors.get(n)) };
}

/** The convolutions of a network in order of the data, each with the batch norm that follows it, if one does. */
export function layersOf({ tensors }, network) {
  const layers = [];
  for (const [name, { shape }] of tensors) {
    const [, of, at] = /^(\w+)\.main\.(\d+)\.weight$/.exec(name) ?? [];
    if (of === network && shape.length === 4) layers.push({ at: Number(at), weight: name });
  }
  layers.sort((a, b) => a.at - b.at);
  return layers.map(({ at, weight }) => {
    const norm = `${network}.main.${at + 1}`;
    return { weight, norm: tensors.has(`${norm}.running_mean`) ? norm : undefined };
  });
}

/**
 * @param prepare from the case and the setting makes {version, step}; `step(i)` trains on the i-th latents and returns
 *   a function that waits for its losses, [discriminator's, generator's].
 */
export async function serve(prepare) {
  // Libraries greet on stdout, which belongs to the driver.
  console.log = console.info = console.debug = console.error;
  const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
  const [, , path, setting] = process.argv;
  const given = readCase(path);
  let step;
  try {
    const prepared = await prepare(given, setting);
    say({ version: prepared.version, precision: 'float32' });
    step = prepared.step;
    for (const i of given.latents.keys()) {
      const start = performance.now();
      const read = await step(i);
      say({ losses: await read(), milliseconds: performance.now() - start });
    }
  } catch (error) {
    console.error(error);
    say({ cannot: String(error?.message ?? error).split('\n')[0] });
    process.exit();
  }
  for await (const line of createInterface({ input: process.stdin })) {
    const { steps } = JSON.parse(line);
    const start = performance.now();
    let read;
    for (let i = 0; i < steps; i++) read = await step(i % given.latents.length);
    await read();
    say({ milliseconds: performance.now() - start });
  }
  process.exit();
}
