"""Look through a folder of recordings before a study: what is in each, and what is wrong with it.

One line per recording: channels, rate, length, how many muscles were recognised, how many channels
are good, doubtful or bad; for a recording that cannot be read, the reason. Run it
with::

    python examples/study_overview.py FOLDER [overview.csv]
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from pathlib import Path

from eifer import api
from eifer.eifer_addon.errors import EiferError

SUFFIXES = (".edf", ".bdf", ".xdf", ".vhdr", ".mat", ".h5", ".hdf5", ".poly5", ".otb+", ".otb4",
            ".csv", ".txt")  # fmt: skip
COLUMNS = ("file", "channels", "rate_hz", "seconds", "events", "muscles", "good", "doubtful",
           "bad", "note")  # fmt: skip


def look(path: Path) -> dict[str, object]:
    """One line about a recording."""
    line: dict[str, object] = {"file": path.name}
    try:
        recording = api.read_recording(path)
        line |= {
            "channels": len(recording.channels), "rate_hz": f"{recording.rate_hz:g}",
            "seconds": f"{recording.duration_s:.1f}", "events": len(recording.events),
            "note": " ".join(recording.source.get("notes", ())),
        }  # fmt: skip
        line["muscles"] = len(api.map_channels(recording).muscles)
        if not recording.holds_envelope:
            line |= Counter(channel.level for channel in api.check_quality(recording).channels)
    except EiferError as error:
        line["note"] = str(error)
    return line


def main(folder: Path, out: Path | None) -> None:
    """Print the lines and write them as a table."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    lines = [look(path) for path in paths]
    for line in lines:
        print("  ".join(f"{name} {line[name]}" for name in COLUMNS if line.get(name)))
    if out is not None:
        with out.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, COLUMNS, restval="")
            writer.writeheader()
            writer.writerows(lines)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
