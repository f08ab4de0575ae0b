// The browser's renderer processes, and the most memory they ever had resident.
import { readFileSync } from "node:fs";

/** Ids of the browser's renderer processes. */
export async function renderers(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  return new Set(processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id));
}

/** By the kernel's own count (Linux); 0 elsewhere, and for a process that has ended. */
function peakOf(id) {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${id}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** The largest of some processes; null where nothing is known. */
export function peakResidentBytes(processes) {
  return Math.max(0, ...processes.map(peakOf)) || null;
}
