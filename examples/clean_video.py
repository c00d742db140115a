"""A film of a face with electrodes becomes the same film without them, and its expression a track.

Both come from one pass over the film. The track of the film as it was filmed is made beside it,
and the difference per region says how much the electrodes were in the way::

    python examples/clean_video.py session.mp4 clean.mp4 [TRANSLATOR.onnx]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from eifer import api

REGIONS = ("brow", "eye", "cheek", "nose", "mouth", "jaw")


def main(film: str, clean: str, translator: str | None = None) -> None:
    track = api.video_to_expression(
        film, remove_electrodes=True, clean_film=clean, translator=translator
    )
    about = track.provenance
    print(f"{clean}: without electrodes by {about['translator']} {about['translator_sha256'][:8]}")
    track.save(Path(clean).with_suffix(".npz"))

    seen = api.video_to_expression(film)
    both = (track.confidence > 0) & (seen.confidence > 0)
    print(f"faces: {np.mean(seen.confidence > 0):.0%} as filmed, "
          f"{np.mean(track.confidence > 0):.0%} without electrodes")  # fmt: skip
    change = np.abs(track.coefficients - seen.coefficients)[both]
    for region in REGIONS:
        columns = [k for k, name in enumerate(track.space.coefficients) if name.startswith(region)]
        print(f"{region}: changed by {change[:, columns].mean():.3f} on average")


if __name__ == "__main__":
    if len(sys.argv) not in {3, 4}:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
