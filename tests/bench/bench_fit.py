"""What the fit costs per frame, how its memory grows, and how quiet it makes a still face.

``OMP_NUM_THREADS=1 python tests/bench/bench_fit.py``: processor time of one thread on the 472
frames of a real film, and on the same repeated 20 times; the landmark networks are not in it.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from conftest import find_test_data

from eifer.eifer_addon.heads.open_head import load_open_head
from eifer.eifer_addon.video.decode import open_video
from eifer.eifer_addon.video.face_tracks import FaceTrack, track_faces
from eifer.eifer_addon.video.fit import CHUNK, FaceFitter, fit_faces, part_of
from eifer.eifer_addon.video.fit_person import estimate_person

FILM, STILL = "pyfeat_WolfgangLanger_Pexels.mp4", "jefapato_test_2sec.mp4"


def read(name: str) -> FaceTrack:
    """The largest face of a film of the test data."""
    folder = find_test_data()
    if folder is None:
        raise SystemExit("no test data at EIFER_TEST_DATA or in ../shared/data")
    return track_faces(open_video(folder / "video" / name)).choose("largest")


def repeated(faces: FaceTrack, times: int) -> FaceTrack:
    """The same film several times in a row."""
    rows = np.tile(np.arange(len(faces.indices)), times)
    n = np.arange(len(rows))
    return replace(
        faces, indices=n, timestamps_s=n / 25.0, landmarks=faces.landmarks[rows],
        blendshapes=faces.blendshapes[rows], presence=faces.presence[rows],
        boxes=faces.boxes[rows], is_cut=n % len(faces.indices) == 0,
    )  # fmt: skip


def costs(faces: FaceTrack) -> None:
    """Print milliseconds of the person's estimate and of a frame, the best of five."""
    head = load_open_head()
    fit_faces(part_of(faces, 0, 32), head)
    person_s, frame_ms = [], []
    for _ in range(5):
        start = time.process_time()
        fitter = FaceFitter(estimate_person(faces, head), head)
        person_s.append(time.process_time() - start)
        start = time.process_time()
        fitter.fit(part_of(faces, 0, CHUNK))
        frame_ms.append(1000 * (time.process_time() - start) / CHUNK)
    print(f"person, once per face: {1000 * min(person_s):.0f} ms; frame: {min(frame_ms):.2f} ms")
    for times in (1, 20):
        film = repeated(faces, times)
        start = time.process_time()
        fit_faces(film, head)
        spent = time.process_time() - start
        tracemalloc.start()
        fit_faces(film, head)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        n = len(film.indices)
        print(f"{n} frames: {1000 * spent / n:.2f} ms each in all, peak {peak / 1e6:.0f} MB")


def stillness(faces: FaceTrack) -> None:
    """Print the frame-to-frame jitter (mean second difference) of the scores and of the fit."""
    track = fit_faces(faces).track
    for name, values in (("scores", faces.blendshapes), ("fit", track.coefficients)):
        print(f"jitter of {name}: {np.abs(np.diff(values, 2, axis=0)).mean():.5f}")


if __name__ == "__main__":
    costs(read(FILM))
    stillness(read(STILL))
