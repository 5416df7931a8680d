// A private copy of Mesa's Vulkan drivers in the user's cache, for machines on which no WebGPU adapter answers; the
// software driver among them works everywhere. packages/tensor/src/device/vulkan.ts loads it.
//
//   <cache>/forger/vulkan/manifest.json      what is there; replaced last, by a rename, so that an interrupted
//   <cache>/forger/vulkan/<architecture>-*/  set-up leaves nothing half-done
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join, relative } from 'node:path';
import { describeSystem, fetchPackages } from './apt.mjs';
import { interruptible, runCommand } from './processes.mjs';
import { SetupError, say } from './say.mjs';

const PACKAGES = ['mesa-vulkan-drivers', 'libvulkan1'];
// Every system that has apt has these, and Node itself uses them already: never load a second copy.
const NEVER_COPIED = /^(libc6|libc-bin|libgcc-s1|libstdc\+\+6|gcc-\d+-base)_/;
// A driver for one kind of emulator, which does nothing elsewhere.
const LEFT_OUT = /^gfxstream/;
const HOUR = 3600 * 1000;

/** `<cache>/forger/vulkan`: the same folder that packages/tensor/src/device/vulkan.ts reads. */
export function vulkanFolder() {
  const cache = process.env.XDG_CACHE_HOME;
  return join(cache && isAbsolute(cache) ? cache : join(homedir(), '.cache'), 'forger', 'vulkan');
}

/**
 * Fetches the drivers and puts them in place, in the stead of any earlier copy.
 *
 * @param options `byHand`: what to type instead, for errors; `etc`: where apt's sources are, /etc/apt unless told
 * @throws SetupError that says what to type, where that cannot work
 */
export async function installPrivateVulkan(options) {
  const system = describeSystem(options.byHand);
  const base = vulkanFolder();
  try {
    await installInto(base, system, options);
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENOTDIR'].includes(error.code)) throw error;
    throw new SetupError(
      `the Vulkan driver cannot be kept in ${base} (${error.message}). Make it writable, with 300 MB to spare, or set XDG_CACHE_HOME to a folder that is, and run this again.`,
    );
  }
}

async function installInto(base, system, options) {
  mkdirSync(base, { recursive: true });
  removeLeftovers(base);
  const work = mkdtempSync(join(base, 'partial-'));
  await interruptible(
    async () => {
      const announce = (bytes) =>
        say(
          `no WebGPU adapter answers; fetching Mesa's Vulkan drivers (${Math.ceil(bytes / 1e6)} MB) into ${base}; the system stays as it is`,
        );
      const debs = await fetchPackages(system, PACKAGES, join(work, 'apt'), { announce, ...options });
      if (debs.length === 0) throw nothingMissing();
      const tree = join(work, 'tree');
      for (const deb of debs.filter((path) => !NEVER_COPIED.test(basename(path)))) {
        const { status, stderr } = await runCommand('dpkg-deb', ['-x', deb, tree]);
        if (status !== 0) throw new SetupError(`could not unpack ${basename(deb)}: ${stderr.trim()}`);
      }
      const copy = await describeCopy(tree, system);
      const folder = `${system.architecture}-${basename(work).slice('partial-'.length)}`;
      const manifest = join(base, 'manifest.json');
      const earlier = /"folder": "([\w-]+)"/.exec(
        existsSync(manifest) ? readFileSync(manifest, 'utf8') : '',
      )?.[1];
      renameSync(tree, join(base, folder));
      writeFileSync(join(work, 'manifest.json'), `${JSON.stringify({ folder, ...copy }, null, 2)}\n`);
      renameSync(join(work, 'manifest.json'), manifest);
      if (earlier) rmSync(join(base, earlier), { recursive: true, force: true });
    },
    () => rmSync(work, { recursive: true, force: true, maxRetries: 3 }),
  );
}

/** Makes the driver descriptions relocatable, and finds the libraries to load and their order. */
async function describeCopy(tree, system) {
  const descriptions = join(tree, 'usr/share/vulkan/icd.d');
  const folders = libraryFolders(tree);
  const locate = (file) => folders.map((folder) => join(folder, file)).find((path) => existsSync(path));
  const drivers = [];
  const binaries = [];
  for (const name of existsSync(descriptions) ? readdirSync(descriptions).sort() : []) {
    const path = join(descriptions, name);
    const description = JSON.parse(readFileSync(path, 'utf8'));
    const library = locate(basename(description.ICD.library_path));
    if (!library || LEFT_OUT.test(name)) continue;
    description.ICD.library_path = relative(dirname(path), library);
    writeFileSync(path, `${JSON.stringify(description, null, 2)}\n`);
    drivers.push(relative(tree, path));
    binaries.push(library);
  }
  if (!drivers.some((path) => basename(path).startsWith('lvp'))) {
    throw new SetupError(`the fetched packages hold no software Vulkan driver; ${system.byHand}`);
  }
  const loader = locate('libvulkan.so.1');
  const needed = await neededFrom(tree, loader ? [loader, ...binaries] : binaries, folders);
  const preload = await loadOrder(loader ? [...needed, loader] : needed, folders);
  return { preload: preload.map((path) => relative(tree, path)), drivers };
}

/** Where the packages put libraries: Debian's folder per architecture, and the plain ones. */
function libraryFolders(tree) {
  return ['usr/lib', 'lib']
    .map((name) => join(tree, name))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => [
      ...readdirSync(folder)
        .filter((name) => name.includes('-linux-gnu'))
        .map((name) => join(folder, name)),
      folder,
    ]);
}

/** The copy's own libraries among those that the binaries need, directly or not. */
async function neededFrom(tree, binaries, folders) {
  const env = { ...process.env, LD_LIBRARY_PATH: folders.join(':') };
  const outputs = await Promise.all(binaries.map((binary) => runCommand('ldd', [binary], { env })));
  const paths = outputs.flatMap(({ stdout }) =>
    [...stdout.matchAll(/=> (\/.+) \(0x/g)].map(([, path]) => path),
  );
  return [...new Set(paths)].filter((path) => path.startsWith(`${tree}/`));
}

/**
 * Orders libraries so that each follows those that it needs, by loading them, with no help from the environment, in a
 * process of its own: again and again those that did not load yet, until none is left.
 */
async function loadOrder(libraries) {
  const script = `
    let left = ${JSON.stringify([...new Set(libraries)])}, reasons = [];
    const order = [];
    for (let before = -1; left.length > 0 && order.length > before; ) {
      before = order.length;
      reasons = [];
      left = left.filter((path) => {
        try {
          process.dlopen({ exports: {} }, path, require('os').constants.dlopen.RTLD_LAZY | 0x1000);
        } catch (error) {
          if (!String(error).includes('did not self-register')) return reasons.push(error.message);
        }
        order.push(path);
        return false;
      });
    }
    console.log(JSON.stringify({ order, reasons }));`;
  const { stdout, stderr } = await runCommand(process.execPath, ['-e', script]);
  const { order, reasons } = JSON.parse(stdout || JSON.stringify({ order: [], reasons: [stderr] }));
  if (reasons.length > 0)
    throw new SetupError(`the fetched libraries do not load:\n  ${reasons.join('\n  ')}`);
  return order;
}

/** A killed set-up may have left its working folder; a fresh one may belong to a set-up that still runs. */
function removeLeftovers(base) {
  for (const name of readdirSync(base).filter((entry) => entry.startsWith('partial-'))) {
    const path = join(base, name);
    if (Date.now() - statSync(path).mtimeMs > HOUR) rmSync(path, { recursive: true, force: true });
  }
}

function nothingMissing() {
  const set = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_LOADER_DRIVERS_SELECT'].filter(
    (name) => process.env[name],
  );
  const cause =
    set.length > 0 ? `${set.join(' and ')} may hide it: unset and run this again` : 'see `vulkaninfo`';
  return new SetupError(
    `no WebGPU adapter answers, although the newest Vulkan driver of this system is installed; ${cause}.`,
  );
}
