"""What the reader and the fit do on real photographs and films.

``python tests/bench/bench_video_material.py [--every 1] [--clips …]``

Faces found, how well the fitted head lies over the face, how still a still face is, whether a
mirrored picture gives a mirrored face, and the agreement with the package `mediapipe`, which runs
under the Python that ``EIFER_MEDIAPIPE_PYTHON`` names (left out otherwise). ``--every 10`` takes
every tenth portrait. Pictures of the avatar beside the films: ``tests/video_pictures.py``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # as pytest does
from conftest import find_test_data
from film_writer import write_film
from real_material import (
    CLIPS,
    MIRRORED_UNITS,
    Agreement,
    ask_peer,
    eye_distance,
    follow,
    jitter,
    joined,
    mirrored,
    noisy,
    peer_python,
    picture,
    portraits,
    seen_once,
)

from eifer.eifer_addon.spaces import ARKIT_NAMES
from eifer.eifer_addon.video.decode import open_video
from eifer.eifer_addon.video.face_tracks import FaceTrack, track_faces
from eifer.eifer_addon.video.fit import FaceFit, fit_faces
from eifer.eifer_addon.video.landmarker import FaceLandmarker
from eifer.models.synthetic.drawn_electrodes import draw_on_portrait

_STILL_FRAMES, _STILL_SIZE = 40, 512
_PER_MILLE = 1000.0


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their columns, as Markdown."""
    lines = [f"\n{title}\n", f"| {' | '.join(columns)} |"]
    lines.append("|---|" + "---:|" * (len(columns) - 1))
    lines += [f"| {' | '.join(row)} |" for row in rows]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def error_share(faces: FaceTrack, fitted: FaceFit) -> tuple[float, float, float]:
    """Reprojection error: median in pixels, median and 95th percentile in % of the eyes'."""
    seen = np.isfinite(fitted.error_px)
    share = 100 * fitted.error_px[seen] / eye_distance(faces.landmarks[seen])
    low, high = np.percentile(share, [50, 95])
    return float(np.median(fitted.error_px[seen])), float(low), float(high)


def photographs(
    data: Path, landmarker: FaceLandmarker, every: int
) -> tuple[list[Path], list[FaceTrack]]:
    """Each photograph by itself: is a face found, and how well does the head lie over it?"""
    paths = portraits(data)[::every]
    tracks = [follow([picture(path)], landmarker) for path in paths]
    found = [track for track in tracks if not track.is_gap[0]]
    errors = np.array([error_share(track, fit_faces(track)) for track in found])
    middle = np.median(errors, axis=0)
    worst = np.max(errors, axis=0)
    missing = [path.name for path, track in zip(paths, tracks, strict=True) if track.is_gap[0]]
    table(
        "Photographs", ("what", "value"),
        [
            ("photographs", str(len(paths))),
            ("with a face found", f"{len(found)} {' '.join(missing)}".strip()),
            ("reprojection error, median", f"{middle[0]:.1f} px, {middle[1]:.1f} % of the eyes'"),
            ("reprojection error, worst", f"{worst[1]:.1f} % of the eyes'"),
        ],
    )  # fmt: skip
    return paths, tracks


def films(data: Path, landmarker: FaceLandmarker, names: Sequence[str]) -> dict[str, FaceTrack]:
    """Each film: frames with a face, error, and how much the values change between frames."""
    rows, tracks = [], {}
    for name in names:
        video = open_video(data / "video" / f"{name}.mp4")
        track = tracks[name] = track_faces(video, landmarker).choose("largest")
        fitted = fit_faces(track)
        pixels, low, high = error_share(track, fitted)
        seen = ~track.is_gap
        rows.append((
            name, f"{len(seen)}", f"{int(seen.sum())}", f"{pixels:.1f} px", f"{low:.1f} %",
            f"{high:.1f} %", f"{jitter(track.blendshapes[seen]) * _PER_MILLE:.1f}",
            f"{jitter(fitted.track.coefficients[seen]) * _PER_MILLE:.1f}",
        ))  # fmt: skip
    columns = (
        "film", "frames", "with a face", "error, median", "of the eyes'", "95 %",
        "change per frame, blendshapes × 1000", "fit × 1000",
    )  # fmt: skip
    table("Films", columns, rows)
    return tracks


def still_face(data: Path, landmarker: FaceLandmarker, every: int) -> None:
    """One photograph filmed for a while: whatever changes is noise."""
    rows = []
    for label, sigma, quality in (
        ("noise of 3 levels", 3.0, ""),
        ("noise, H.264 crf 30", 3.0, "30"),
    ):
        raw, fit, turn = [], [], []
        for path in portraits(data)[:: 25 * every]:
            pictures = list(noisy(picture(path, _STILL_SIZE), _STILL_FRAMES, sigma))
            if quality:
                pictures = _encoded(pictures, quality)
            track = follow(pictures, landmarker)
            fitted = fit_faces(track).track
            raw.append(jitter(track.blendshapes[~track.is_gap]))
            fit.append(jitter(fitted.coefficients))
            assert fitted.head_pose is not None
            turn.append(np.degrees(jitter(fitted.head_pose[:, :3])))
        rows.append((
            label, str(len(raw)), f"{np.mean(raw) * _PER_MILLE:.2f}",
            f"{np.mean(fit) * _PER_MILLE:.2f}", f"{np.mean(raw) / np.mean(fit):.1f}",
            f"{np.mean(turn):.3f}°",
        ))  # fmt: skip
    columns = ("a still face", "films", "blendshapes × 1000", "fit × 1000", "ratio", "head turn")
    table("Jitter (root mean square change from frame to frame)", columns, rows)


def _encoded(pictures: Sequence[np.ndarray], quality: str) -> list[np.ndarray]:
    """Pictures after a codec has had them."""
    with tempfile.TemporaryDirectory() as folder:
        options = {"crf": quality, "preset": "veryfast"}
        even = [image[: len(image) // 2 * 2, : image.shape[1] // 2 * 2] for image in pictures]
        path = write_film(Path(folder) / "still.mp4", even, options=options)
        return [frame.image for frame in open_video(path).frames()]


def sides(landmarker: FaceLandmarker, paths: Sequence[Path], tracks: Sequence[FaceTrack]) -> None:
    """A mirrored picture gives a mirrored face."""
    found: dict[str, list[np.ndarray]] = {"blendshapes": [], "fit": []}
    for path, track in zip(paths, tracks, strict=True):
        flipped = follow([mirrored(picture(path))], landmarker)
        if track.is_gap[0] or flipped.is_gap[0]:
            continue
        for name, one, other in (
            ("blendshapes", track.blendshapes, flipped.blendshapes),
            ("fit", fit_faces(track).track.coefficients, fit_faces(flipped).track.coefficients),
        ):
            found[name].append(np.stack([one[0], other[0][MIRRORED_UNITS]]))
    rows = []
    for name, pairs in found.items():
        values = np.array(pairs)
        uneven = values - values[:, :, MIRRORED_UNITS]
        clear = np.abs(uneven[:, 0]) > 0.2
        right = np.sign(uneven[:, 0]) == np.sign(uneven[:, 1])
        difference = float(np.abs(values[:, 0] - values[:, 1]).mean())
        rows.append((
            name, f"{len(values)}", f"{difference:.4f}",
            f"{int((right & clear).sum()) // 2} of {int(clear.sum()) // 2}",
        ))  # fmt: skip
    columns = (
        "", "photographs", "mean difference after mirroring back",
        "units uneven by more than 0.2 that stay on their side",
    )  # fmt: skip
    table("Mirrored photographs", columns, rows)


def agreement(
    data: Path,
    landmarker: FaceLandmarker,
    paths: Sequence[Path],
    tracks: Sequence[FaceTrack],
    clips: dict[str, FaceTrack],
) -> None:
    """The same pictures read by the package mediapipe, which looks at a photograph once."""
    python = peer_python()
    if python is None:
        sys.stdout.write("\nEIFER_MEDIAPIPE_PYTHON names no Python: no agreement is measured.\n")
        return
    task = data / "models" / "face_landmarker.task"
    theirs = ask_peer(python, task, (picture(path) for path in paths), "image")
    once = joined([seen_once(picture(path), landmarker) for path in paths])
    met = [("photographs, one look", once, theirs), ("with a second look", joined(tracks), theirs)]
    for name, track in clips.items():
        video = open_video(data / "video" / f"{name}.mp4")
        frames = (frame.image for frame in video.frames())
        met.append((name, track, ask_peer(python, task, frames, "video")))
    rows = []
    for name, ours, other in met:
        same = Agreement.between(ours, other)
        seen = np.isfinite(other.scores).all(axis=1)
        rows.append((
            name, f"{len(seen)}", f"{int((~ours.is_gap).sum())}", f"{int(seen.sum())}",
            f"{same.landmarks:.2f} %", f"{same.worst:.1f} %", f"{same.scores:.4f}",
        ))  # fmt: skip
    columns = (
        "", "pictures", "faces here", "faces there", "landmarks apart, of the eyes'",
        "worst picture", "scores apart",
    )  # fmt: skip
    table("Agreement with the package mediapipe", columns, rows)


def electrodes(landmarker: FaceLandmarker, paths: Sequence[Path]) -> None:
    """Drawn electrodes: how many faces are lost, and how far scores are off on the others."""
    smiles = [ARKIT_NAMES.index(f"mouthSmile{side}") for side in ("Left", "Right")]
    counts = (16, 32, 60)
    changes: dict[int, list[np.ndarray]] = {count: [] for count in counts}
    apart: dict[int, list[float]] = {count: [] for count in counts}
    total = 0
    for path in paths:
        image = picture(path, _STILL_SIZE)
        for face in landmarker.detect(image, max_faces=1, refine=1):
            total += 1
            for count in counts:
                worn = draw_on_portrait(image, face.landmarks, count, seed=count).image
                for found in landmarker.detect(worn, max_faces=1, refine=1):
                    changes[count].append(np.abs(found.blendshapes - face.blendshapes))
                    gap = np.linalg.norm(found.landmarks[:, :2] - face.landmarks[:, :2], axis=1)
                    apart[count].append(float(gap.mean() / eye_distance(face.landmarks)))
    rows = [
        (
            f"{count}", f"{total - len(changes[count])} of {total}",
            f"{np.mean(changes[count], axis=0)[smiles].mean():.2f}",
            f"{np.mean(changes[count]):.3f}", f"{100 * np.mean(apart[count]):.1f} %",
        )
        for count in counts
    ]  # fmt: skip
    columns = (
        "electrodes", "faces lost", "mouthSmile off by", "all scores off by",
        "landmarks off by, of the eyes'",
    )  # fmt: skip
    table("Drawn electrodes on portraits", columns, rows)


def test_real_material() -> None:
    data = find_test_data()
    if data is None:
        pytest.skip("no test data at EIFER_TEST_DATA or in ../shared/data beside the checkout")
    measure(data, every=10, names=CLIPS[:2])


def measure(data: Path, every: int, names: Sequence[str]) -> None:
    """All tables."""
    landmarker = FaceLandmarker(data / "models" / "face_landmarker.task")
    paths, tracks = photographs(data, landmarker, every)
    clips = films(data, landmarker, names)
    agreement(data, landmarker, paths, tracks, clips)
    sides(landmarker, paths, tracks)
    electrodes(landmarker, paths)
    still_face(data, landmarker, 1)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--every", type=int, default=1, help="take every n-th photograph")
    parser.add_argument("--clips", nargs="*", default=list(CLIPS))
    options = parser.parse_args()
    data = find_test_data()
    if data is None:
        sys.exit("The shared test data is missing; name it with EIFER_TEST_DATA.")
    measure(data, options.every, options.clips)


if __name__ == "__main__":
    main()
