"""A folder of films becomes tracks and tables, and one table of the whole study.

Films that are done already are skipped, so the same line goes on after an interruption; a film
that fails is a sentence. With the address of a Dask scheduler the films go to the lab's cluster::

    python examples/video_batch.py films/ results/ [tcp://node1:8786]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from eifer import api


def main(films: str, results: str, scheduler: str | None = None) -> None:
    done = api.video_batch(films, results, scheduler=scheduler)
    for report in done.reports:
        if report["state"] == "failed":
            print(f"{report['name']}: {report['sentence']}")
            continue
        # The researchers' table: OpenFace's columns, action units and the 52 ARKit coefficients.
        path = Path(results) / report["name"] / "track.csv"
        table = np.genfromtxt(path, delimiter=",", names=True)
        smile, seen = np.atleast_1d(table["AU12_r"]), np.atleast_1d(table["success"])
        strongest = np.nanmax(smile) if seen.any() else 0.0
        print(f"{report['name']}: {seen.mean():.0%} seen, strongest smile {strongest:.1f} of 5")


if __name__ == "__main__":
    if len(sys.argv) not in {3, 4}:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
