"""The fingerprint of a base model (src/weights/fingerprint.rs) from its own definition, by the standard library alone.

    python fingerprint.py CHECKPOINT.safetensors
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

TYPES = {"F32": "f", "F16": "e"}


def tensors(path):
    """Name, shape and numbers of every tensor of a safetensors file."""
    data = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    for name, about in header.items():
        begin, end = (8 + length + offset for offset in about["data_offsets"])
        element = TYPES[about["dtype"]]
        count = (end - begin) // struct.calcsize(f"<{element}")
        yield name, about["shape"], struct.unpack(f"<{count}{element}", data[begin:end])


def fingerprint(tensors):
    """Of (name, shape, numbers); "e" is IEEE half precision, rounded to nearest, ties to even."""
    lines = {}
    for name, shape, values in tensors:
        half = hashlib.sha256(struct.pack(f"<{len(values)}e", *values)).hexdigest()
        extents = ", ".join(str(extent) for extent in shape)
        lines[name.encode()] = f"{name} [{extents}] {half}\n".encode()
    return hashlib.sha256(b"".join(lines[name] for name in sorted(lines))).hexdigest()


if __name__ == "__main__":
    print(fingerprint(tensors(sys.argv[1])))
