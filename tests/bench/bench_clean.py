"""Films with drawn electrodes made clean: how fast, how near to the truth, how still.

``python tests/bench/bench_clean.py`` draws 60 electrodes onto a film of the shared data, frame by
frame at the landmarks of the film as it is, cleans that film and compares it with the original.
Flicker is the mean change from frame to frame of the pixels that were covered, beside the change
that the original has there.
"""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("EIFER_TEST_DATA", ROOT.parent / "shared" / "data"))
CLIP = os.environ.get("EIFER_BENCH_CLIP", "pyfeat_WolfgangLanger_Pexels.mp4")
FRAMES, SIZE = int(os.environ.get("EIFER_BENCH_FRAMES", "120")), (1280, 720)
COUNT, SEED, RATE = 60, 3, 24


def drawn_film(folder: Path) -> tuple[Path, list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """The film with electrodes; the original's frames, what is covered (bool), the landmarks."""
    import av

    from eifer.eifer_addon.video.decode import open_video
    from eifer.eifer_addon.video.landmarker import FaceLandmarker
    from eifer.models.synthetic.drawn_electrodes import draw_on_portrait

    landmarker, face = FaceLandmarker(), None
    clean, covered, points = [], [], []
    path = folder / "worn.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=RATE)
        stream.width, stream.height = SIZE
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "16", "preset": "veryfast"}
        for frame in open_video(DATA / "video" / CLIP).frames(0, FRAMES):
            picture = av.VideoFrame.from_ndarray(frame.image, format="rgb24")
            image = picture.reformat(*SIZE, interpolation="BICUBIC").to_ndarray()
            face = (face and landmarker.track(image, face)) or landmarker.detect(image, refine=1)[0]
            drawn = draw_on_portrait(image, face.landmarks, COUNT, seed=SEED)
            clean.append(image)
            covered.append(drawn.coverage > 0.5)
            points.append(face.landmarks)
            shown = av.VideoFrame.from_ndarray(drawn.image, format="rgb24")
            shown.pts, shown.time_base = len(clean) - 1, Fraction(1, RATE)
            file.mux(stream.encode(shown))
        file.mux(stream.encode(None))
    return path, clean, covered, points


def restored(path: Path, *, smooth: bool) -> Iterator[np.ndarray]:
    """Frames without electrodes, before any encoding."""
    from eifer.eifer_addon.video.decode import open_video
    from eifer.eifer_addon.video.remove_video import CleanedVideo
    from eifer.models.translator import load_translator

    video = CleanedVideo(open_video(path), load_translator(), smooth=smooth)
    return (frame.image for frame in video.frames())


def compared(
    frames: Iterator[np.ndarray], clean: list[np.ndarray], covered: list[np.ndarray],
    points: list[np.ndarray],
) -> dict[str, float]:  # fmt: skip
    """Differences of restored frames to the original ones where electrodes were."""
    errors, flicker, natural, outside, shifts = [], [], [], [], []
    last: np.ndarray | None = None
    from eifer.eifer_addon.video.landmarker import FaceLandmarker

    landmarker, face = FaceLandmarker(), None
    for k, image in enumerate(frames):
        truth, mask = clean[k].astype(np.float32), covered[k]
        shown = image.astype(np.float32)
        errors.append(float(np.abs(shown - truth)[mask].mean()))
        far = ~mask & (np.abs(shown - truth).max(axis=2) > 24)
        outside.append(float(far.mean()))
        if last is not None:
            both = mask & covered[k - 1]
            flicker.append(float(np.abs(shown - last)[both].mean()))
            natural.append(float(np.abs(truth - clean[k - 1])[both].mean()))
        face = (face and landmarker.track(image, face)) or next(
            iter(landmarker.detect(image, refine=1)), None
        )
        if face is not None:
            apart = np.linalg.norm(points[k][33, :2] - points[k][263, :2])
            away = np.linalg.norm(face.landmarks[:, :2] - points[k][:, :2], axis=1).mean()
            shifts.append(float(away / apart))
        last = shown
    mean = statistics.fmean
    return {
        "error": mean(errors), "flicker": mean(flicker), "natural": mean(natural),
        "landmarks": mean(shifts) if shifts else float("nan"), "seen": len(shifts) / len(errors),
        "outside": mean(outside),
    }  # fmt: skip


def main() -> None:
    """Print the figures."""
    from eifer.eifer_addon import api

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["EIFER_CACHE"] = str(folder / "cache")
        path, clean, covered, points = drawn_film(folder)
        print(
            f"{CLIP} at {SIZE[0]} x {SIZE[1]}, {len(clean)} frames, load {os.getloadavg()[0]:.1f}"
        )
        before = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
        began = time.monotonic()
        api.remove_electrodes(path, folder / "clean.mp4")
        wall = time.monotonic() - began
        spent = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - before
        print(f"film to film: {len(clean) / wall:.1f} frames/s on the wall, "
              f"{1000 * spent / len(clean):.0f} ms of processor time a frame")  # fmt: skip
        from eifer.eifer_addon.video.decode import open_video

        worn = (frame.image for frame in open_video(path).frames())
        for words, frames in (
            ("with electrodes", worn), ("clean, frame by frame", restored(path, smooth=False)),
            ("clean, held steady", restored(path, smooth=True)),
        ):  # fmt: skip
            told = compared(frames, clean, covered, points)
            print(f"{words}: " + ", ".join(f"{key} {value:.3f}" for key, value in told.items()))


if __name__ == "__main__":
    main()
