"""Writes two-slates.bin as core/docs/formats/widget.md describes it: the slates of tests.rs.

    python3 make.py
"""

import struct
import zlib
from pathlib import Path

text = b""


def place(words):
    """Offset and length of a text, which is written once."""
    global text
    raw = words.encode()
    if not raw:
        return struct.pack("<II", 0, 0)
    if raw not in written:
        written[raw] = len(text)
        text += raw
    return struct.pack("<II", written[raw], len(raw))


written = {}
slates, slots, reasons = b"", b"", b""
for context, arm, night, model, (start, end) in [
    ("lunch", "model", 1, 1, (600, 900)),
    ("dinner", "", 0, 0, (1080, 60)),
]:
    names = [place(name) for name in ("home", context, "town@3", arm)]
    slates += struct.pack("<qqQ", 1000, 2000, 7) + b"".join(names)
    slates += struct.pack("<IIBBBBHH", len(slots) // 40, 2, night, model, 1, 0, start, end)
    for position, item in enumerate(("luna", "sol")):
        told = [(0, 0.5, "La Luna"), (4, 0.25, ""), (8, 0.0, "spring")] if position == 0 else []
        slots += struct.pack("<d", 0.75) + place(item) + place(f"The {item} \U0001f319")
        slots += struct.pack("<fIII", -0.25, len(reasons) // 16, len(told), position)
        for kind, contribution, words in told:
            reasons += struct.pack("<If", kind, contribution) + place(words)

counts = struct.pack("<IIIII", len(slates) // 72, len(slots) // 40, len(reasons) // 16, len(text), 0)
body = counts + slates + slots + reasons + text
start = b"noctslat" + struct.pack("<II", 1, 20 + len(body))
checksum = struct.pack("<I", zlib.crc32(start + body))
Path(__file__).with_name("two-slates.bin").write_bytes(start + checksum + body)
