// Node only. Prepares the process for Vulkan drivers before Dawn loads them. Dawn then finds the private copy
// of Mesa's drivers that `forger setup` puts into the user's cache (packages/forger/setup), without an
// installed package, LD_LIBRARY_PATH or a second process. When a library is requested by its soname
// ("libvulkan.so.1"), the dynamic linker uses one that is already loaded under that soname. So it is enough
// to load the copy's libraries by full path, dependencies first.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { constants, homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';

export { adviceText, type DriverAdvice, driverAdvice } from './driver-advice.ts';

/**
 * Gives each width of llvmpipe's vectors (`LP_NATIVE_VECTOR_WIDTH`, in bits) its own shader cache in Forger's
 * cache folder, unless the user chose one. Mesa 25.0 stores machine code of every width under the same key,
 * and then runs code of the wrong width (seen with 25.0.7; 26.2.6 has a key for each). Call it before a
 * driver is loaded, in the main thread.
 */
export function separateShaderCaches(env: NodeJS.ProcessEnv = process.env): void {
  const { LP_NATIVE_VECTOR_WIDTH: width, MESA_SHADER_CACHE_DIR: named } = env;
  const own = join(userCache(env), 'forger', 'shaders-');
  // The cache that a parent process of ours chose is for the parent's width.
  if (named && !named.startsWith(own)) return;
  if (width) env.MESA_SHADER_CACHE_DIR = own + encodeURIComponent(width);
  else if (named) delete env.MESA_SHADER_CACHE_DIR;
}

/**
 * Written by the set-up as `manifest.json` beside the copies; paths are relative to
 * `<cache>/forger/vulkan/<folder>`.
 */
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
 * Whether this system has a Vulkan loader that Dawn could load. Without one, requesting the system's adapter
 * fails with a warning on stderr, so go straight to `usePrivateVulkan()`. Call this first:
 * `usePrivateVulkan()` loads the copy's loader.
 */
export function hasSystemVulkanLoader(): boolean {
  return process.platform !== 'linux' || loadLibrary('libvulkan.so.1', constants.dlopen.RTLD_LAZY);
}

let used: { folder: string } | null | undefined;

/**
 * Points this process at the private Vulkan copy, if there is one, so that the next `create()` of npm
 * `webgpu` finds its drivers. Call it only after the system's own drivers gave no adapter. Calling it again
 * does nothing.
 *
 * Sets `VK_DRIVER_FILES` and `VK_ICD_FILENAMES` (unless the user set one of them), and `XDG_RUNTIME_DIR` if
 * unset. Call it in the main thread: in a worker `process.env` is a copy that the Vulkan loader does not see.
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
  setRuntimeFolder();
  return { folder };
}

/** Sets `XDG_RUNTIME_DIR` if unset: Mesa complains on stderr without one, and puts nothing there. */
export function setRuntimeFolder(): void {
  if (process.platform === 'linux') process.env.XDG_RUNTIME_DIR ||= tmpdir();
}

function userCache({ XDG_CACHE_HOME: cache }: NodeJS.ProcessEnv): string {
  return cache && isAbsolute(cache) ? cache : join(homedir(), '.cache');
}

/** A damaged manifest counts as none: then there is no adapter, and the set-up writes a new one. */
function parse(text: string): Manifest | null {
  try {
    return JSON.parse(text) as Manifest;
  } catch {
    return null;
  }
}

/** The copy's drivers, and the system's drivers that the copy does not replace (such as NVIDIA's). */
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

/** Loads a plain shared library. Node finds no addon in it and throws, but the library stays loaded. */
function loadLibrary(path: string, flags: number): boolean {
  try {
    process.dlopen({ exports: {} }, path, flags);
    return true;
  } catch (error) {
    return String(error).includes('did not self-register');
  }
}
