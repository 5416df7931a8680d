// A private copy of Mesa's Vulkan drivers in the user's cache, for machines on which no WebGPU adapter answers.
// apt resolves and fetches the packages with its own index, sources and state in a temporary folder, so it needs no
// root and leaves the system's packages and package sources as they are; dpkg-deb unpacks them. The copy is renamed
// into place and the manifest replaced last, so that an interrupted set-up leaves nothing half-done.
// packages/tensor/src/device/vulkan.ts loads the copy.
import { execFileSync, spawnSync } from 'node:child_process';
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
import { backportsSuite, selectDeb822, selectOneLine } from './apt-sources.mjs';
import { SetupError, say } from './say.mjs';

const PACKAGES = ['mesa-vulkan-drivers', 'libvulkan1'];
// Part of every system that has apt, and already in use by Node itself: never a second copy of these.
const NEVER_COPIED = /^(libc6|libc-bin|libgcc-s1|libstdc\+\+6|gcc-\d+-base)$/;
const DAY = 24 * 3600 * 1000;

/** `<cache>/forger/vulkan`, the same folder that packages/tensor/src/device/vulkan.ts reads. */
function vulkanFolder() {
  const cache = process.env.XDG_CACHE_HOME;
  return join(cache && isAbsolute(cache) ? cache : join(homedir(), '.cache'), 'forger', 'vulkan');
}

/** Fetches the drivers and unpacks them. Throws a SetupError that says what to type where that cannot work. */
export function installPrivateVulkan() {
  const system = describeSystem();
  const base = vulkanFolder();
  mkdirSync(base, { recursive: true });
  removeLeftovers(base);
  const work = mkdtempSync(join(base, 'partial-'));
  const stop = (signal) => {
    rmSync(work, { recursive: true, force: true });
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    const debs = fetchPackages(system, join(work, 'apt'));
    const tree = join(work, 'tree');
    for (const deb of debs) run('dpkg-deb', ['-x', deb, tree], system);
    const manifest = describeCopy(tree, system);
    const folder = `${system.architecture}-${basename(work).slice('partial-'.length)}`;
    const old = readManifest(base);
    renameSync(tree, join(base, folder));
    writeFileSync(join(work, 'manifest.json'), `${JSON.stringify({ folder, ...manifest }, null, 2)}\n`);
    renameSync(join(work, 'manifest.json'), join(base, 'manifest.json'));
    if (old) rmSync(join(base, old.folder), { recursive: true, force: true });
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    rmSync(work, { recursive: true, force: true });
  }
}

function describeSystem() {
  if (!existsSync('/usr/bin/apt-get') || !existsSync('/usr/bin/dpkg'))
    throw new SetupError(adviceWithoutApt());
  const values = Object.fromEntries(
    readFileSync('/etc/os-release', 'utf8')
      .split('\n')
      .map((line) => /^(\w+)="?([^"]*)"?$/.exec(line)?.slice(1) ?? ['', '']),
  );
  const codename = values.UBUNTU_CODENAME || values.VERSION_CODENAME || '';
  return {
    codename,
    // A Debian source may name its release by what it is today.
    aliases: values.ID === 'debian' ? ['stable', 'oldstable', 'testing'] : [],
    backports: backportsSuite(codename),
    architecture: execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim(),
  };
}

/** Downloads the packages that this system lacks, or has too old, and returns their files. */
function fetchPackages(system, folder) {
  for (const name of ['state/lists/partial', 'cache/archives/partial', 'sources']) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  writeSources(system, join(folder, 'sources'));
  writeFileSync(join(folder, 'status'), statusWithoutRelations(system.architecture));
  writeFileSync(join(folder, 'apt.conf'), aptConfiguration(folder, system.architecture));
  const env = { ...process.env, APT_CONFIG: join(folder, 'apt.conf'), LC_ALL: 'C.UTF-8' };
  const apt = (...args) =>
    spawnSync('apt-get', args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

  // An unreachable source matters only if the packages cannot be had without it.
  const update = apt('-q', 'update');
  const install = ['-q', '-y', ...(system.backports ? ['-t', system.backports] : []), 'install', ...PACKAGES];
  const plan = apt(...install, '--print-uris');
  const files = [...plan.stdout.matchAll(/^'\S+' (\S+) (\d+) /gm)];
  if (plan.status !== 0 || files.length === 0) throw fetchFailed(system, update, plan);
  const megabytes = Math.ceil(files.reduce((sum, [, , bytes]) => sum + Number(bytes), 0) / 1e6);
  say(
    `no WebGPU adapter answers; fetching Mesa's Vulkan drivers (${megabytes} MB) into ${vulkanFolder()}; the system's packages stay as they are`,
  );
  const download = apt(...install, '--download-only');
  if (download.status !== 0) throw fetchFailed(system, update, download);
  const archives = join(folder, 'cache/archives');
  return readdirSync(archives)
    .filter((name) => name.endsWith('.deb') && !NEVER_COPIED.test(name.split('_')[0]))
    .map((name) => join(archives, name));
}

function writeSources(system, folder) {
  const etc = '/etc/apt';
  const parts = existsSync(`${etc}/sources.list.d`) ? readdirSync(`${etc}/sources.list.d`) : [];
  const paths = [`${etc}/sources.list`, ...parts.map((name) => `${etc}/sources.list.d/${name}`)].filter(
    existsSync,
  );
  const select = (ending, selector) =>
    paths
      .filter((path) => path.endsWith(ending))
      .map((path) => selector(readFileSync(path, 'utf8'), system))
      .filter(Boolean);
  writeFileSync(join(folder, 'system.list'), `${select('.list', selectOneLine).join('\n')}\n`);
  writeFileSync(join(folder, 'system.sources'), `${select('.sources', selectDeb822).join('\n\n')}\n`);
}

/**
 * The installed packages with their versions but without their dependencies and conflicts: enough for apt to know
 * what is here, and never a reason for it to upgrade, remove or complain about anything else.
 */
function statusWithoutRelations(architecture) {
  const kept =
    /^(Package|Status|Priority|Section|Architecture|Multi-Arch|Source|Version|Provides|Maintainer|Description):/;
  return readFileSync('/var/lib/dpkg/status', 'utf8')
    .split('\n\n')
    .filter((entry) => /^Status: \S+ ok installed$/m.test(entry))
    .filter((entry) => new RegExp(`^Architecture: (all|${architecture})$`, 'm').test(entry))
    .map((entry) =>
      entry
        .split('\n')
        .filter((line) => kept.test(line))
        .join('\n'),
    )
    .join('\n\n')
    .concat('\n\n');
}

/** apt's configuration: everything private but the keyrings; the system's proxies and transports, but not its hooks. */
function aptConfiguration(folder, architecture) {
  const transports = execFileSync('apt-config', ['dump'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => /^Acquire::\S+ "[^"]*";$/.test(line))
    .filter((line) => !/^Acquire::(IndexTargets|Languages|Retries)/.test(line));
  return [
    ...transports,
    'Dir::Etc::main "/dev/null";',
    'Dir::Etc::parts "/dev/null";',
    'Dir::Etc::preferences "/dev/null";',
    'Dir::Etc::preferencesparts "/dev/null";',
    'Dir::Etc::sourcelist "/dev/null";',
    `Dir::Etc::sourceparts "${folder}/sources";`,
    `Dir::State "${folder}/state";`,
    `Dir::State::status "${folder}/status";`,
    `Dir::Cache "${folder}/cache";`,
    'Debug::NoLocking "1";',
    'APT::Sandbox::User "root";',
    `APT::Architecture "${architecture}";`,
    `APT::Architectures { "${architecture}"; };`,
    'APT::Install-Recommends "0";',
    'Acquire::Languages "none";',
    'Acquire::Retries "2";',
    '',
  ].join('\n');
}

/** Finds the copy's drivers, makes their descriptions relocatable, and orders the libraries to load. */
function describeCopy(tree, system) {
  const descriptions = join(tree, 'usr/share/vulkan/icd.d');
  const libraries = libraryFolders(tree);
  const drivers = [];
  const binaries = [];
  for (const name of readdirSync(descriptions)) {
    const path = join(descriptions, name);
    const description = JSON.parse(readFileSync(path, 'utf8'));
    const file = basename(description.ICD.library_path);
    const library = libraries.map((folder) => join(folder, file)).find(existsSync);
    if (!library) continue;
    description.ICD.library_path = relative(dirname(path), library);
    writeFileSync(path, JSON.stringify(description, null, 2));
    drivers.push(relative(tree, path));
    binaries.push(library);
  }
  const loader = libraries.map((folder) => join(folder, 'libvulkan.so.1')).find(existsSync);
  if (loader) binaries.push(loader);
  if (!drivers.some((path) => basename(path).startsWith('lvp'))) {
    throw new SetupError(`the fetched packages hold no software Vulkan driver. ${adviceByHand(system)}`);
  }
  const preload = loadOrder(neededFrom(tree, binaries, libraries).concat(loader ?? []));
  return { preload: preload.map((path) => relative(tree, path)), drivers };
}

function libraryFolders(tree) {
  return ['usr/lib', 'lib']
    .map((name) => join(tree, name))
    .filter(existsSync)
    .flatMap((folder) => [
      ...readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && /-linux-gnu/.test(entry.name))
        .map((entry) => join(folder, entry.name)),
      folder,
    ]);
}

/** The copy's own libraries among those that the given binaries need, directly or not. */
function neededFrom(tree, binaries, libraries) {
  const env = { ...process.env, LD_LIBRARY_PATH: libraries.join(':') };
  const found = binaries.flatMap((binary) => {
    const { stdout } = spawnSync('ldd', [binary], { env, encoding: 'utf8' });
    return [...stdout.matchAll(/=> (\/\S+) \(0x/g)].map(([, path]) => path);
  });
  return [...new Set(found)].filter((path) => path.startsWith(`${tree}/`));
}

/** Orders libraries so that each follows those that it needs, by loading them in a process of its own. */
function loadOrder(libraries) {
  const script = `
    let left = ${JSON.stringify([...new Set(libraries)])}, order = [];
    for (let before = -1; left.length && order.length > before; ) {
      before = order.length;
      left = left.filter((path) => {
        try { process.dlopen({ exports: {} }, path, require('os').constants.dlopen.RTLD_LAZY | 0x1000); }
        catch (error) { if (!String(error).includes('did not self-register')) return true; }
        order.push(path);
      });
    }
    console.log(JSON.stringify({ order, left }));`;
  const { order, left } = JSON.parse(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }));
  if (left.length)
    throw new SetupError(
      `the fetched libraries do not load: ${left.map((path) => basename(path)).join(', ')}`,
    );
  return order;
}

function readManifest(base) {
  const path = join(base, 'manifest.json');
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null;
}

/** A killed set-up may have left its working folder; one of today may belong to a set-up that still runs. */
function removeLeftovers(base) {
  for (const name of readdirSync(base).filter((entry) => entry.startsWith('partial-'))) {
    const path = join(base, name);
    if (Date.now() - statSync(path).mtimeMs > DAY) rmSync(path, { recursive: true, force: true });
  }
}

function run(command, args, system) {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  if (result.status !== 0)
    throw new SetupError(`${command} failed: ${result.stderr.trim()}. ${adviceByHand(system)}`);
}

function fetchFailed(system, ...results) {
  const reasons = results
    .flatMap((result) => `${result.stderr}`.split('\n'))
    .filter((line) => /^(E|W|Err):/.test(line))
    .slice(-4)
    .map((line) => `\n  ${line}`);
  return new SetupError(`could not fetch a Vulkan driver.${reasons.join('')}\n${adviceByHand(system)}`);
}

/** What to type where the packages cannot be fetched without the user. */
export function adviceByHand({ backports }) {
  if (!backports) {
    return 'Check the network and the sources in /etc/apt, or install the driver yourself and run the set-up again:\n  sudo apt-get update && sudo apt-get install mesa-vulkan-drivers libvulkan1';
  }
  return `Check the network and the sources in /etc/apt, or install the driver yourself and run the set-up again:
  echo 'deb http://deb.debian.org/debian ${backports} main' | sudo tee /etc/apt/sources.list.d/${backports}.list
  sudo apt-get update && sudo apt-get install -t ${backports} mesa-vulkan-drivers libvulkan1`;
}

function adviceWithoutApt() {
  const commands = {
    dnf: 'sudo dnf install mesa-vulkan-drivers vulkan-loader',
    pacman: 'sudo pacman -S vulkan-swrast vulkan-icd-loader',
    zypper: 'sudo zypper install Mesa-vulkan-device-select libvulkan_lvp libvulkan1',
    apk: 'apk add mesa-vulkan-swrast vulkan-loader (but Dawn needs glibc: use a Debian or Ubuntu container)',
  };
  const command = Object.entries(commands).find(
    ([tool]) => existsSync(`/usr/bin/${tool}`) || existsSync(`/sbin/${tool}`),
  );
  return `no WebGPU adapter answers, and this system has no apt to fetch a driver with. ${
    command
      ? `Type:\n  ${command[1]}\nand run`
      : "Install your GPU's driver, or Mesa's software Vulkan driver (lavapipe), and run"
  } the set-up again.`;
}
