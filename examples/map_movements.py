"""One small map per movement, side by side, as a paper shows them.

Takes a recording with events, or the activity that ``eifer export`` wrote::

    python examples/map_movements.py session.edf movements.svg [MOVEMENT …]

Without names there is one map for each name of events. A second figure beside it compares the two
seconds before the first event with its mean.
"""

from __future__ import annotations

import sys
from pathlib import Path

from eifer import api


def main(source: str, out: str, movements: list[str]) -> None:
    """Draw both figures."""
    path = Path(source)
    is_activity = path.suffix == ".npz" or path.name.endswith("_physio.tsv.gz")
    activity = api.read_activity(path) if is_activity else api.to_activity(api.read_recording(path))
    chosen = {"event": movements} if movements else {"every_event": True}
    print("wrote:", api.muscle_map(activity, out, columns=5, **chosen))
    onset, name, _ = min(activity.events)
    before = (max(onset - 2.0, float(activity.timestamps[0])), onset)
    beside = Path(out).with_stem(f"{Path(out).stem}-rest")
    titles = ["before", name]
    print("wrote:", api.muscle_map(activity, beside, window=before, event=name, titles=titles))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
