// Which package sources a private apt run reads: the system's own for this release (same mirror, same keyring, same
// components), without third parties' and, on Debian 12, with bookworm-backports beside them. Works on the text of
// both formats of sources.list(5), and writes nothing.

/** Backports are needed where the release's own Mesa is too old for Dawn (Debian 12's is 22.3). */
export function backportsSuite(codename) {
  return codename === 'bookworm' ? 'bookworm-backports' : null;
}

/** The entries of deb822 text (`*.sources`) that belong to `release`, with backports added. */
export function selectDeb822(text, release) {
  return text
    .split(/\n(?:[ \t]*\n)+/)
    .map((stanza) => stanza.replace(/^#.*\n?/gm, ''))
    .flatMap((stanza) => {
      const field = (name) =>
        new RegExp(`^${name}:[ \\t]*((?:.*)(?:\\n[ \\t].*)*)`, 'im').exec(stanza)?.[1].trim();
      const types = field('Types')?.split(/\s+/) ?? [];
      const suites = selectSuites(field('Suites')?.split(/\s+/) ?? [], release);
      if (!types.includes('deb') || field('Enabled')?.toLowerCase() === 'no' || suites.length === 0)
        return [];
      if (/^cdrom:/.test(field('URIs') ?? '')) return [];
      const set = (body, name, value) =>
        body.replace(new RegExp(`^${name}:.*(?:\\n[ \\t].*)*`, 'im'), `${name}: ${value}`);
      return [set(set(stanza.trim(), 'Types', 'deb'), 'Suites', suites.join(' '))];
    })
    .join('\n\n');
}

/** The entries of one-line text (`*.list`) that belong to `release`, with backports added. */
export function selectOneLine(text, release) {
  return text
    .split('\n')
    .flatMap((line) => {
      const entry = /^\s*deb\s+(\[[^\]]*\]\s+)?(?!cdrom:)(\S+)\s+(\S+)\s+([^#]+)/.exec(line);
      if (!entry) return [];
      const [, options = '', uri, suite, components] = entry;
      return selectSuites([suite], release).map(
        (name) => `deb ${options}${uri} ${name} ${components.trim()}`,
      );
    })
    .join('\n');
}

/** Keeps this release's suites; the main one (not -updates or -security) brings its backports along. */
function selectSuites(suites, { codename, aliases }) {
  const names = [codename, ...aliases];
  const kept = suites.filter((suite) => names.some((name) => suite === name || suite.startsWith(`${name}-`)));
  const backports = backportsSuite(codename);
  const addBackports = backports && kept.some((suite) => names.includes(suite)) && !kept.includes(backports);
  return addBackports ? [...kept, backports] : kept;
}
