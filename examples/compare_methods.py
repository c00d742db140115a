"""Several reconstructors on one film: how far apart they are, and where most.

Methods are ``mediapipe`` (comes with EIFER), ``blendshapes`` (its network without the fit) and
what ``eifer models import`` has brought; files are tracks of any program::

    python examples/compare_methods.py smile.mp4 compared/ mediapipe blendshapes smirk.npz
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from eifer import api


def main(film: str, folder: str, *methods: str) -> None:
    files = [method for method in methods if Path(method).suffix]
    backends = [method for method in methods if method not in files]
    found = api.compare(film, folder, backends=backends, tracks=files, overwrite=True)
    for label, sentence in found.failed.items():
        print(f"{label}: {sentence}")
    for (one, other), mm in found.mean_mm.items():
        print(f"{one} and {other}: {mm:.2f} mm apart on average")
    table = np.genfromtxt(found.files["table"], delimiter=",", names=True)
    apart, times = (np.atleast_1d(table[name]) for name in ("disagreement_mm", "time_s"))
    if np.isfinite(apart).any():
        print(f"most at {times[np.nanargmax(apart)]:.2f} s: {np.nanmax(apart):.2f} mm")
    print(found.files["sheet"])


if __name__ == "__main__":
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
