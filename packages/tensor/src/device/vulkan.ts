// Node only. What Vulkan drivers need before Dawn loads them. Makes Dawn find the private copy of Mesa's Vulkan drivers that
// `npm run setup` put into the user's cache (scripts/setup/vulkan.mjs), with no installed package, no LD_LIBRARY_PATH and no
// second process. The dynamic linker satisfies a request for a library by its soname ("libvulkan.so.1") with one that is
// already loaded under that soname, so loading the copy's libraries by full path, dependencies first, is enough.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { constants, homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * Gives each width of llvmpipe's vectors (`LP_NATIVE_VECTOR_WIDTH`, in bits) a shader cache of its own, beside Forger's other
 * files, unless the user named one: Mesa 25.0 files machine code of every width under the same key, and runs that of
 * another one (seen with 25.0.7; 26.2.6 tells them apart). Call it before a driver is loaded, in the main thread.
 */
export function separateShaderCaches(env: NodeJS.ProcessEnv = process.env): void {
  const { LP_NATIVE_VECTOR_WIDTH: width, MESA_SHADER_CACHE_DIR: named } = env;
  const own = join(userCache(env), 'forger', 'shaders-');
  // What a parent process of ours named says nothing of this one's width.
  if (named && !named.startsWith(own)) return;
  if (width) env.MESA_SHADER_CACHE_DIR = own + encodeURIComponent(width);
  else if (named) delete env.MESA_SHADER_CACHE_DIR;
}

/** Written by the set-up as `manifest.json` beside the copies; paths are relative to `<cache>/forger/vulkan/<folder>`. */
interface Manifest {
  folder: string;
  /** Shared libraries to load, each after those that it needs. */
  preload: string[];
  /** Driver descriptions (ICD files) of the copy. */
  drivers: string[];
}

/** Where the Vulkan loader looks for drivers; Debian's and Ubuntu's order. */
const SYSTEM_DRIVER_FOLDERS = [
  '/etc/vulkan/icd.d',
  '/usr/local/share/vulkan/icd.d',
  '/usr/share/vulkan/icd.d',
];

/** RTLD_NODELETE of glibc: the library stays loaded after Node finds no addon in it and closes it again. */
const RTLD_NODELETE = 0x1000;

/**
 * Whether this system has a Vulkan loader that Dawn could load. Where it has none, asking Dawn for the system's
 * adapter can only fail, with a warning on stderr, so go straight to `usePrivateVulkan()`. Ask before calling that:
 * it loads the copy's own.
 */
export function hasSystemVulkanLoader(): boolean {
  return process.platform !== 'linux' || loadLibrary('libvulkan.so.1', constants.dlopen.RTLD_LAZY);
}

let used: { folder: string } | null | undefined;

/**
 * Points this process at the private Vulkan copy, if there is one, so that the next `create()` of npm `webgpu` finds
 * its drivers. Call it only after the system's own drivers gave no adapter. Calling it again does nothing.
 *
 * Sets `VK_DRIVER_FILES` and `VK_ICD_FILENAMES` (unless the user set one of them), and `XDG_RUNTIME_DIR` if unset.
 * Call it in the main thread: in a worker `process.env` is a copy that the Vulkan loader does not see.
 *
 * @returns the folder of the copy, or null when there is none, when a library of it does not load, or when
 *   `FORGER_VULKAN=system` is set.
 */
export function usePrivateVulkan(): { folder: string } | null {
  if (used === undefined) used = load();
  return used;
}

function load(): { folder: string } | null {
  if (process.platform !== 'linux' || process.env.FORGER_VULKAN === 'system') return null;
  const base = join(userCache(process.env), 'forger', 'vulkan');
  const manifestPath = join(base, 'manifest.json');
  if (!existsSync(manifestPath)) return null;
  const manifest = parse(readFileSync(manifestPath, 'utf8'));
  if (!manifest) return null;
  const folder = join(base, manifest.folder);
  const stay = constants.dlopen.RTLD_LAZY | RTLD_NODELETE;
  for (const library of manifest.preload) if (!loadLibrary(join(folder, library), stay)) return null;

  if (!process.env.VK_DRIVER_FILES && !process.env.VK_ICD_FILENAMES) {
    const files = driverFiles(manifest.drivers.map((driver) => join(folder, driver))).join(':');
    process.env.VK_DRIVER_FILES = files;
    process.env.VK_ICD_FILENAMES = files;
  }
  // Mesa complains on stderr without one, and puts nothing there.
  process.env.XDG_RUNTIME_DIR ??= tmpdir();
  return { folder };
}

function userCache({ XDG_CACHE_HOME: cache }: NodeJS.ProcessEnv): string {
  return cache && isAbsolute(cache) ? cache : join(homedir(), '.cache');
}

/** A manifest that a disk or a hand has damaged counts as none: no adapter answers then, and the set-up writes it anew. */
function parse(text: string): Manifest | null {
  try {
    return JSON.parse(text) as Manifest;
  } catch {
    return null;
  }
}

/** The copy's drivers, and those of the system that the copy does not replace (a vendor's own, such as NVIDIA's). */
function driverFiles(own: string[]): string[] {
  const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1).split('.')[0];
  const names = new Set(own.map(nameOf));
  const system = SYSTEM_DRIVER_FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) =>
    readdirSync(folder)
      .filter((file) => file.endsWith('.json') && !names.has(nameOf(file)))
      .map((file) => join(folder, file)),
  );
  return [...system, ...own];
}

/** Loads a plain shared library. Node then finds no addon in it and throws, but by then the library is in. */
function loadLibrary(path: string, flags: number): boolean {
  try {
    process.dlopen({ exports: {} }, path, flags);
    return true;
  } catch (error) {
    return String(error).includes('did not self-register');
  }
}
