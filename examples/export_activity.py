"""The muscle activity of a recording as CSV, as npz and as a BIDS-style derivative.

Run it with::

    python examples/export_activity.py session.edf exported/ [SUBJECT] [TASK]

The derivative's JSON says which filters made the signal, with their delay.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from eifer import api


def main(recording: str, folder: str, subject: str = "01", task: str = "face") -> None:
    """Write the activity three times, and read it back."""
    activity = api.to_activity(api.read_recording(recording))
    print(activity.describe())
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    name = Path(recording).stem
    table = api.export(activity, out / f"{name}.csv")[0]
    saved = api.export(activity, out / f"{name}.npz")[0]
    derivative = api.export(activity, out / "derivatives", subject=subject, task=task)
    for path in (table, saved, *derivative):
        print("wrote:", path)
    for path in (table, saved, derivative[0]):
        back = api.read_activity(path)
        print(f"{path.name}: read back, equal: {np.array_equal(back.values, activity.values)}")


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 5:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
