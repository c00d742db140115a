"""The pictures of docs/video.md: ``python tests/video_pictures.py FOLDER``.

From the CC0 portraits, the two MIT films and rendered heads.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from conftest import find_test_data
from PIL import Image
from real_material import follow, picture, portraits
from rendered_faces import draw, make_clip, model_of

from eifer.eifer_addon.video.contact_sheet import contact_sheet
from eifer.eifer_addon.video.decode import open_video
from eifer.eifer_addon.video.face_tracks import track_faces
from eifer.eifer_addon.video.fit import fit_faces
from eifer.eifer_addon.video.landmarker import FaceLandmarker
from eifer.models.synthetic.drawn_electrodes import draw_on_head, draw_on_portrait

_TILE = 176
#: Contact sheets have captions on top and labels on the left, in tiles.
_CAPTION, _LABEL = 0.19, 0.13
FILMS = {
    "jefapato_test_2sec": (0, 6, 12, 18, 24, 29),
    "pyfeat_single_face": (0, 18, 28, 42, 56, 70),
}
_PEOPLE = (0, 20, 45, 75, 98, 125)
_EXPRESSIONS = ("happy", "angry", "sad", "surprised", "fearful", "disgusted")


def film_sheet(data: Path, name: str, landmarker: FaceLandmarker) -> np.ndarray:
    """A film's frames, and the fitted head as its camera would see it."""
    path = data / "video" / f"{name}.mp4"
    track = fit_faces(track_faces(open_video(path), landmarker).choose()).track
    return contact_sheet({"fit": track}, path, list(FILMS[name]), size=_TILE)


def column(image: np.ndarray, landmarker: FaceLandmarker) -> np.ndarray:
    """One photograph above the head that is fitted to it, without the labels of a film."""
    track = fit_faces(follow([image], landmarker)).track
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photograph.png"
        Image.fromarray(image).save(path)
        sheet = contact_sheet({"fit": track}, path, [0], size=_TILE)
    return sheet[round(_CAPTION * _TILE) :, round(_LABEL * _TILE) :]


def photograph_sheet(images: Sequence[np.ndarray], landmarker: FaceLandmarker) -> np.ndarray:
    """Photographs in a row, each above its head."""
    return np.concatenate([column(image, landmarker) for image in images], axis=1)


def electrode_images(image: np.ndarray, landmarker: FaceLandmarker) -> list[np.ndarray]:
    """A photograph without and with 16, 32 and 60 electrodes."""
    landmarks = landmarker.detect(image, refine=1)[0].landmarks
    drawn = [draw_on_portrait(image, landmarks, count, seed=3).image for count in (16, 32, 60)]
    return [image, *drawn]


def rendered_sheet(data: Path) -> np.ndarray:
    """Frames of the accuracy bench: two heads, three lights, without and with electrodes."""
    rows = []
    for name in ("open", "ict"):
        head = model_of(name) if name == "open" else model_of(name, data)
        tiles = []
        for seed, light, frame, count in (
            (1003, "front", 8, 0), (1004, "side", 16, 0), (1005, "above", 20, 0),
            (1003, "front", 8, 16), (1004, "side", 16, 32), (1005, "above", 20, 60),
        ):  # fmt: skip
            drawn, posed = draw(head, make_clip(name, seed, "480p", light), frame)
            image = drawn.image
            if count:
                image = draw_on_head(drawn, posed, head, count, seed=seed).image
            middle, half = image.shape[1] // 2, 150
            tile = Image.fromarray(image[90:390, middle - half : middle + half])
            tiles.append(np.array(tile.resize((_TILE, _TILE), Image.Resampling.LANCZOS)))
        rows.append(np.concatenate(tiles, axis=1))
    return np.concatenate(rows)


def main(folder: Path) -> None:
    """Draw all of them."""
    data = find_test_data()
    if data is None:
        sys.exit("The shared test data is missing; name it with EIFER_TEST_DATA.")
    landmarker = FaceLandmarker(data / "models" / "face_landmarker.task")
    paths = portraits(data)
    shown = data / "images" / "face_projection_MIT"
    found = {
        "films": np.concatenate([film_sheet(data, name, landmarker) for name in FILMS]),
        "people": np.concatenate([
            photograph_sheet([picture(paths[k], 512) for k in _PEOPLE], landmarker),
            photograph_sheet([picture(shown / f"{e}.png", 512) for e in _EXPRESSIONS], landmarker),
        ]),
        "electrodes": photograph_sheet(
            electrode_images(picture(paths[20], 512), landmarker), landmarker
        ),
        "rendered": rendered_sheet(data),
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    for name, sheet in found.items():
        Image.fromarray(sheet).save(folder / f"video-{name}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
