// Fails where an export, or a member of an exported interface or class, has no doc comment.
import { readFileSync, readdirSync } from "node:fs";

const src = new URL("./src/", import.meta.url);
const missing = [];
for (const file of readdirSync(src).filter((name) => name.endsWith(".ts"))) {
  const lines = readFileSync(new URL(file, src), "utf8").split("\n");
  let inInterface = false;
  lines.forEach((line, i) => {
    const isExport = /^export (default |abstract |async |declare )*(class|const|function|interface|type) \w/.test(line);
    const isMember = inInterface && /^ {2}(readonly )?[\w[\]."]+\??(\(|:)/.test(line);
    const above = (lines[i - 1] ?? "").trimEnd();
    if ((isExport || isMember) && !above.endsWith("*/")) missing.push(`${file}:${i + 1}: ${line.trim()}`);
    if (/^export interface /.test(line)) inInterface = !line.includes("}");
    else if (line === "}") inInterface = false;
  });
}
if (missing.length > 0) {
  console.error(`exports without a doc comment:\n${missing.join("\n")}`);
  process.exit(1);
}
