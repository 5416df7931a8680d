// Repeated keys in JSON, of which JSON.parse silently keeps the last.

/** The first key that an object in `json` names twice; undefined when there is none. `json` must be valid JSON. */
export function duplicateKey(json: string): string | undefined {
  const open: Set<string>[] = [];
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '{') open.push(new Set());
    if (character === '}') open.pop();
    if (character !== '"') continue;
    const start = i++;
    while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1;
    let next = i + 1;
    while (' \t\r\n'.includes(json[next] ?? '.')) next++;
    if (json[next] !== ':') continue;
    const key = JSON.parse(json.slice(start, i + 1)) as string;
    const keys = open.at(-1)!;
    if (keys.has(key)) return key;
    keys.add(key);
  }
  return undefined;
}
