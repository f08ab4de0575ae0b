/** When "auto" goes on with the CPU. */

import type { ErrorCode, SgcrError } from "./errors.js";
import type { Notice } from "./types.js";

const DEVICE_FAULTS: readonly ErrorCode[] = [
  "device-unavailable",
  "device-lost",
  "self-test",
  "compute",
  "non-finite",
  "out-of-memory",
  "not-built",
];

/** Whether an error is a device's fault, so that another device may do. */
export function isDeviceFault(error: SgcrError): boolean {
  return DEVICE_FAULTS.includes(error.code);
}

/** The notice that "auto" gives when it takes the CPU. */
export function fallbackNotice(reason: string): Notice {
  return { code: "device-fallback", message: `Running on the CPU: ${reason}` };
}
