/** Names of chosen files: which one is meant, and how many there are in words. */

const stem = (name: string): string => name.replace(/\.[^.]*$/, "");
const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** Position of the path that is meant: one that ends so, else one of that name, else of that name but for its extension; -1. */
export function nearest(paths: readonly string[], wanted: string): number {
  const name = nameOf(wanted);
  const readings: ((path: string) => boolean)[] = [
    (path) => `/${path}`.endsWith(`/${wanted}`),
    (path) => nameOf(path) === name,
    (path) => stem(nameOf(path)) === stem(name),
  ];
  for (const isMeant of readings) {
    const at = paths.findIndex(isMeant);
    if (at >= 0) return at;
  }
  return -1;
}

/** How many files there are, and in which folder; few loose ones by name. */
export function inWords(paths: readonly string[], folder: string | null): string {
  if (folder !== null) return `${paths.length} ${paths.length === 1 ? "file" : "files"} in “${folder}”.`;
  if (paths.length === 0) return "None chosen yet.";
  return paths.length <= 3 ? `${paths.join(", ")}.` : `${paths.length} files.`;
}
