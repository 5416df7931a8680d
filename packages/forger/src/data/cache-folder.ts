// The user's cache of this system: downloads, measured kernels, decoded pictures.
import os from 'node:os';
import path from 'node:path';

/** `$XDG_CACHE_HOME/forger` when that is set, else the usual place. */
function cacheFolder(name: string): string {
  const { XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = process.env;
  if (xdg && path.isAbsolute(xdg)) return path.join(xdg, 'forger', name);
  const home = os.homedir();
  if (process.platform === 'darwin') return path.join(home, 'Library', 'Caches', 'forger', name);
  if (process.platform === 'win32') {
    return path.join(local ?? path.join(home, 'AppData', 'Local'), 'forger', 'Cache', name);
  }
  return path.join(home, '.cache', 'forger', name);
}

/** Where downloads are kept. */
export function dataCache(): string {
  return cacheFolder('data');
}

/** Where decoded pictures are kept. */
export function pictureCacheFolder(): string {
  return cacheFolder('pictures');
}
