"""Any track of a face becomes files for other programs.

Reads what Live Link Face, OpenFace, py-feat, SMIRK, DECA, EMOCA or the MMM data set wrote and
writes it as a documented CSV, as EIFER's npz and as a Live Link Face CSV::

    python examples/exchange_tracks.py film.csv exported/ [FRAMES_PER_SECOND]
"""

from __future__ import annotations

import sys
from pathlib import Path

from eifer import api


def main(track_file: str, folder: str, rate_hz: float | None = None) -> None:
    """Read one track and write it three times."""
    choices = {} if rate_hz is None else {"rate_hz": rate_hz}
    track = api.read_track(track_file, **choices)
    print(track.describe())
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    name = Path(track_file).name.partition(".")[0]
    written = [
        *api.export(track, out / f"{name}.csv"),
        *api.export(track, out / f"{name}.npz"),
        *api.export(track, out / f"{name}.livelink.csv", format="livelink", rate_hz=60),
    ]
    for path in written:
        print("wrote:", path)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        raise SystemExit(__doc__)
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]) if len(sys.argv) == 4 else None)
