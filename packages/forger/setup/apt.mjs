// A private run of apt: its own index, sources and state in a folder of ours, so it needs no root and leaves the
// system's packages, package sources and caches as they are. The system's mirrors, keyrings and proxies are used.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backportsSuite, selectSources } from './apt-sources.mjs';
import { runCommand } from './processes.mjs';
import { SetupError, showProgress } from './say.mjs';

/**
 * What of this system matters to apt.
 *
 * @param byHand what to type to install the drivers into the system, for errors
 * @throws SetupError where there is no apt
 */
export function describeSystem(byHand) {
  if (!existsSync('/usr/bin/apt-get') || !existsSync('/usr/bin/dpkg')) {
    throw new SetupError(`no WebGPU adapter answers; ${byHand}`);
  }
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const value = (name) => new RegExp(`^${name}="?([^"\\n]*)`, 'm').exec(release)?.[1];
  const codename = value('UBUNTU_CODENAME') || value('VERSION_CODENAME') || null;
  return {
    codename,
    byHand,
    backports: backportsSuite(codename),
    architecture: execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim(),
  };
}

/**
 * Downloads those of `packages`, and of what they depend on, that this system lacks or has too old.
 *
 * @param system what `describeSystem` returned
 * @param folder an absent or empty folder for everything that apt writes
 * @param options `etc`: where the system's sources are; `announce(bytes)`: called before the download
 * @returns the paths of the .deb files. Throws a SetupError that says what to type when they cannot be had.
 */
export async function fetchPackages(system, packages, folder, { etc = '/etc/apt', announce }) {
  for (const name of ['state/lists/partial', 'cache/archives/partial', 'sources']) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  const files = sourceFiles(etc);
  const chosen = selectSources(files, system.codename);
  const { list, sources } = chosen.list || chosen.sources ? chosen : selectSources(files, null);
  writeFileSync(join(folder, 'sources/system.list'), list);
  writeFileSync(join(folder, 'sources/system.sources'), sources);
  writeFileSync(join(folder, 'status'), statusWithoutRelations(system.architecture));
  writeFileSync(join(folder, 'apt.conf'), configuration(folder, system.architecture));
  const env = { ...process.env, APT_CONFIG: join(folder, 'apt.conf'), LC_ALL: 'C.UTF-8' };
  const apt = (...args) => runCommand('apt-get', args, { env });

  // A source that does not answer matters only if the packages cannot be had without it.
  const update = await apt('-q', 'update');
  const install = ['-q', '-y', ...(system.backports ? ['-t', system.backports] : []), 'install', ...packages];
  const plan = await apt(...install, '--print-uris');
  if (plan.status !== 0) throw fetchFailed(system, update, plan);
  const sizes = [...plan.stdout.matchAll(/^'\S+' \S+ (\d+) /gm)].map(([, bytes]) => Number(bytes));
  if (sizes.length === 0) return [];
  const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
  announce(total);
  const archives = join(folder, 'cache/archives');
  const stopProgress = showProgress(() => bytesIn(archives) + bytesIn(join(archives, 'partial')), total);
  const download = await apt(...install, '--download-only');
  stopProgress();
  if (download.status !== 0) throw fetchFailed(system, update, download);
  return readdirSync(archives)
    .filter((name) => name.endsWith('.deb'))
    .map((name) => join(archives, name));
}

function sourceFiles(etc) {
  const parts = join(etc, 'sources.list.d');
  return [
    join(etc, 'sources.list'),
    ...(existsSync(parts) ? readdirSync(parts).map((name) => join(parts, name)) : []),
  ]
    .filter((path) => existsSync(path))
    .map((path) => ({ name: path, text: readFileSync(path, 'utf8') }));
}

/**
 * The installed packages with their versions but without their dependencies and conflicts: enough for apt to know
 * what is here, and never a reason for it to upgrade, remove or complain about anything else.
 */
function statusWithoutRelations(architecture) {
  const kept =
    /^(Package|Status|Priority|Section|Architecture|Multi-Arch|Source|Version|Provides|Maintainer|Description):/;
  const native = new RegExp(`^Architecture: (all|${architecture})$`, 'm');
  return readFileSync('/var/lib/dpkg/status', 'utf8')
    .split('\n\n')
    .filter((entry) => /^Status: \S+ ok installed$/m.test(entry) && native.test(entry))
    .map(
      (entry) =>
        `${entry
          .split('\n')
          .filter((line) => kept.test(line))
          .join('\n')}\n\n`,
    )
    .join('');
}

/** apt's settings: everything private but the keyrings; the system's proxies and transports, but none of its hooks. */
function configuration(folder, architecture) {
  const transports = execFileSync('apt-config', ['dump'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => /^Acquire::\S+ "[^"]*";$/.test(line))
    .filter((line) => !/^Acquire::(IndexTargets|Languages|Retries)/.test(line));
  return [
    ...transports,
    ...['main', 'parts', 'preferences', 'preferencesparts', 'sourcelist'].map(
      (name) => `Dir::Etc::${name} "/dev/null";`,
    ),
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

function bytesIn(folder) {
  return readdirSync(folder)
    .map((name) => statSync(join(folder, name), { throwIfNoEntry: false }))
    .reduce((sum, entry) => sum + (entry?.isFile() ? entry.size : 0), 0);
}

function fetchFailed(system, ...results) {
  const reasons = results
    .flatMap(({ stdout, stderr }) => `${stdout}\n${stderr}`.split('\n'))
    .filter((line) => /^(E|W|Err):/.test(line));
  const shown = [...new Set(reasons)].slice(-4).map((line) => `  ${line}\n`);
  return new SetupError(
    `could not fetch a Vulkan driver:\n${shown.join('') || '  apt-get failed and gave no reason\n'}Check the network and the sources in /etc/apt and run this again, or, as an administrator, ${system.byHand}`,
  );
}
