// Which package sources a private apt run reads: the system's own for its release (same mirror, same keyring, same
// components), without third parties' and, on Debian 12, with bookworm-backports beside them. Works on the text of
// both formats of sources.list(5); reads and writes no file.

/** Debian's names for whatever release is current; a source that uses one means the release that is installed. */
const ALIASES = /^(stable|oldstable|testing)(?=-|$)/;

/** The suite to take Mesa from where the release's own is too old for Dawn (Debian 12's is 22.3), or null. */
export function backportsSuite(codename) {
  return codename === 'bookworm' ? 'bookworm-backports' : null;
}

/**
 * Picks the entries that belong to a release and adds its backports where needed, unless they are listed already.
 *
 * @param files [{name, text}]: `*.list` files in one-line format, `*.sources` files in deb822 format
 * @param codename the installed release, such as `bookworm`; null keeps every binary entry as it is
 * @returns {{list: string, sources: string}} the text of one file of each format; both empty if nothing fits
 */
export function selectSources(files, codename) {
  const entries = files.flatMap(({ name, text }) =>
    name.endsWith('.sources') ? parseDeb822(text) : name.endsWith('.list') ? parseOneLine(text) : [],
  );
  const suitesOf = ({ suites }) =>
    codename === null
      ? suites
      : suites
          .map((suite) => suite.replace(ALIASES, codename))
          .filter((suite) => suite === codename || suite.startsWith(`${codename}-`));
  const backports = backportsSuite(codename);
  const add = backports && !entries.some((entry) => suitesOf(entry).includes(backports));
  const kept = entries
    .map((entry) => ({ ...entry, suites: suitesOf(entry) }))
    .map((entry) =>
      add && entry.suites.includes(codename) ? { ...entry, suites: [...entry.suites, backports] } : entry,
    )
    .filter((entry) => entry.suites.length > 0);
  const written = (format, separator) =>
    kept
      .filter((entry) => entry.format === format)
      .map((entry) => `${entry.write(entry.suites)}${separator}`)
      .join('');
  return { list: written('one-line', '\n'), sources: written('deb822', '\n\n') };
}

function parseOneLine(text) {
  return text.split('\n').flatMap((line) => {
    const entry = /^\s*deb\s+(\[[^\]]*\]\s+)?(?!cdrom:)(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (!entry) return [];
    const [, options = '', uri, suite, components] = entry;
    const write = (suites) =>
      suites.map((name) => `deb ${options}${uri} ${name} ${components.trim()}`).join('\n');
    return [{ format: 'one-line', suites: [suite], write }];
  });
}

function parseDeb822(text) {
  const stanzas = text.replace(/^#.*\n?/gm, '').split(/\n(?:[ \t]*\n)+/);
  return stanzas.flatMap((stanza) => {
    // A value goes on over the lines that begin with a space.
    const pattern = (name) => new RegExp(`^${name}:[ \\t]*(.*(?:\\n[ \\t].*)*)`, 'im');
    const words = (name) => pattern(name).exec(stanza)?.[1].trim().split(/\s+/) ?? [];
    const usable = words('Types').includes('deb') && words('Enabled')[0]?.toLowerCase() !== 'no';
    if (!usable || words('URIs').every((uri) => uri.startsWith('cdrom:'))) return [];
    const write = (suites) =>
      stanza
        .trim()
        .replace(pattern('Types'), 'Types: deb')
        .replace(pattern('Suites'), `Suites: ${suites.join(' ')}`);
    return [{ format: 'deb822', suites: words('Suites'), write }];
  });
}
