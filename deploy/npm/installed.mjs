// Exit 0 when node_modules holds exactly what package-lock.json names, else 1 with the first difference on standard error. Needs no package itself.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The first difference between the lockfile of `folder` and what npm noted in its node_modules; undefined when there is none. */
export function firstDifference(folder) {
  const read = (name) => {
    try {
      return JSON.parse(readFileSync(path.join(folder, name), 'utf8')).packages ?? {};
    } catch {
      return undefined;
    }
  };
  const wanted = read('package-lock.json');
  if (wanted === undefined) return 'package-lock.json cannot be read';
  const present = read('node_modules/.package-lock.json');
  if (present === undefined) return 'node_modules is missing';
  for (const [place, entry] of Object.entries(wanted)) {
    if (place === '') continue;
    const found = present[place];
    if (found === undefined && entry.optional) continue;
    if (found === undefined || found.version !== entry.version || found.integrity !== entry.integrity) {
      return `${place} is not ${entry.version}`;
    }
    if (!existsSync(path.join(folder, place, 'package.json'))) return `${place} is missing`;
  }
  const surplus = Object.keys(present).find((place) => !(place in wanted));
  return surplus === undefined ? undefined : `${surplus} is not in the lockfile`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const difference = firstDifference(path.dirname(fileURLToPath(import.meta.url)));
  if (difference !== undefined) {
    process.stderr.write(`deploy/npm: ${difference}\n`);
    process.exit(1);
  }
}
