"""The picture of docs/remove-electrodes.md: frames with drawn electrodes, cleaned, and as filmed.

``python tests/bench/bench_clean_sheet.py docs/images/remove-electrodes.png``
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from eifer.eifer_addon.video.crop import shrunk
from eifer.eifer_addon.video.decode import open_video
from eifer.eifer_addon.video.landmarker import FaceLandmarker
from eifer.eifer_addon.video.remove_blend import face_region
from eifer.eifer_addon.video.remove_cleaner import FrameCleaner
from eifer.models.synthetic.drawn_electrodes import draw_on_portrait
from eifer.models.translator import load_translator

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("EIFER_TEST_DATA", ROOT.parent / "shared" / "data"))
#: Films, and a frame of each.
SHOWN = (
    ("pyfeat_single_face.mp4", 38),
    ("jefapato_test_2sec.mp4", 12),
    ("pyfeat_WolfgangLanger_Pexels.mp4", 40),
)
EDGE, COUNT, SEED = 400, 60, 3


def row(name: str, number: int) -> np.ndarray:
    """A frame with electrodes, without, and as it was filmed, beside each other."""
    landmarker = FaceLandmarker()
    clean = next(open_video(DATA / "video" / name).frames(number, number + 1)).image
    landmarks = landmarker.detect(clean, refine=1)[0].landmarks
    worn = draw_on_portrait(clean, landmarks, COUNT, seed=SEED).image
    restored = FrameCleaner(load_translator(), landmarker)(worn).image
    region = face_region(landmarks)
    return np.concatenate([shrunk(image, region, EDGE) for image in (worn, restored, clean)], 1)


def main(out: str) -> None:
    """Write the picture."""
    sheet = Image.fromarray(np.concatenate([row(*shown) for shown in SHOWN]))
    sheet.quantize(255, dither=Image.Dither.NONE).save(out, optimize=True)
    print(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
