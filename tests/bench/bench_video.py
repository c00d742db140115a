"""A film at 720p: how fast it becomes a track, beside the mediapipe package, and in what memory.

``python -m pytest tests/bench/bench_video.py -s`` or ``python tests/bench/bench_video.py``.
The peer runs under the Python that ``EIFER_MEDIAPIPE_PYTHON`` names, which has `mediapipe` and its
OpenCV; it reads the film with OpenCV and fits nothing. Every figure is of a process of its own and
counts its children; the rounds are interleaved, and the median of the ratios within a round is what
holds on a busy machine. The clock starts after the imports and runs to the last frame: the start of
our processes is in it.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("EIFER_TEST_DATA", ROOT.parent / "shared" / "data"))
FRAMES, ROUNDS = int(os.environ.get("EIFER_BENCH_FRAMES", "2832")), 3
PEER = os.environ.get("EIFER_MEDIAPIPE_PYTHON", "")
CLIP, SIZE, RATE = "pyfeat_WolfgangLanger_Pexels.mp4", (1280, 720), 25
PATIENCE_S = 1800
#: Memory may differ by this between a film and one ten times as long, in MB: what grows are the
#: track itself and its file.
GROWTH_MB = 80.0
OURS, THEIRS = "whole, with fit", "mediapipe"


def make_film(path: Path, size: tuple[int, int], n_frames: int) -> None:
    """The clip forwards and backwards, scaled, with a key frame every ten seconds."""
    import av

    from eifer.eifer_addon.video.decode import open_video

    frames = [frame.image for frame in open_video(DATA / "video" / CLIP).frames()]
    order = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=RATE)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "20", "preset": "veryfast"}
        for k in range(n_frames):
            frame = av.VideoFrame.from_ndarray(frames[order[k % len(order)]], format="rgb24")
            frame = frame.reformat(*size, format="yuv420p", interpolation="BICUBIC")
            frame.pts, frame.time_base = k, Fraction(1, RATE)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def decode_only(path: Path) -> int:
    """Frames as upright RGB, in one process."""
    from eifer.eifer_addon.video.decode import open_video

    return sum(1 for _ in open_video(path).frames())


def networks_only(path: Path) -> int:
    """A face followed over frames that lie in memory, in one process, again and again."""
    from eifer.eifer_addon.video.decode import open_video
    from eifer.eifer_addon.video.landmarker import FaceLandmarker

    frames = [frame.image for frame in open_video(path).frames(0, 60)]
    landmarker = FaceLandmarker()
    begin()
    count, total = 0, min(FRAMES, 600)
    face = landmarker.detect(frames[0])[0]
    while count < total:
        for image in frames:
            face = landmarker.track(image, face) or face
            count += 1
    return count


def whole(path: Path, **options: object) -> int:
    """The script API."""
    from eifer import api

    return len(api.video_to_expression(path, **options))


def in_a_child(path: Path) -> int:
    """As Blender's button does it, which gives each process one thread for its mathematics."""
    from eifer.eifer_addon.video.child import VideoJob

    job = VideoJob.start(path)
    while job.poll().state == "running":
        time.sleep(0.02)
    count = len(job.result())
    job.close()
    return count


def with_mediapipe(path: Path) -> int:
    """As MediaPipe's documentation does it; runs under the peer's Python."""
    import cv2
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    begin()
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=os.environ["EIFER_TASK"]),
        running_mode=vision.RunningMode.VIDEO, num_faces=1, output_face_blendshapes=True,
    )  # fmt: skip
    film, count = cv2.VideoCapture(str(path)), 0
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        while True:
            is_there, picture = film.read()
            if not is_there:
                return count
            data = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=data)
            landmarker.detect_for_video(image, count * 1000 // RATE)
            count += 1


RUNS = {
    "decoding": decode_only,
    "networks": networks_only,
    "whole, raw blendshapes": lambda path: whole(path, fit=False),
    OURS: in_a_child,
    "the same by the script API": whole,
    THEIRS: with_mediapipe,
}
_started = [0.0, 0.0]


def _spent() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))


def begin() -> None:
    """Start the clock."""
    _started[:] = time.perf_counter(), _spent()


def run(name: str, path: Path) -> None:
    """Do one thing and print its figures as a line of JSON."""
    if name != THEIRS:
        importlib.import_module("eifer.eifer_addon.api")  # before the clock starts
    begin()
    count = RUNS[name](path)
    wall, cpu = time.perf_counter() - _started[0], _spent() - _started[1]
    print(json.dumps({"frames": count, "wall": wall, "cpu": cpu}))


def measured(name: str, path: Path) -> dict[str, float]:
    """The figures of a process of its own."""
    from eifer.eifer_addon.assets import asset_path

    python = PEER if name == THEIRS else sys.executable
    task = str(asset_path("face_landmarker.task"))
    lines = subprocess.run(
        [python, __file__, name, str(path)], check=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, timeout=PATIENCE_S,
        env={**os.environ, "EIFER_TASK": task},
    ).stdout.splitlines()  # fmt: skip
    return json.loads(next(line for line in reversed(lines) if line.startswith("{")))


def speed(folder: Path) -> float | None:
    """Print the table; our frames/s over the peer's, None without one."""
    film = folder / "film.mp4"
    make_film(film, SIZE, FRAMES)
    names = [name for name in RUNS if name != THEIRS or PEER]
    if not PEER:
        print("No peer: EIFER_MEDIAPIPE_PYTHON names no Python that has mediapipe.")
    rounds = []
    for _ in range(ROUNDS):
        rounds.append({name: measured(name, film) for name in names})
        print(f"load average {os.getloadavg()[0]:.1f}", flush=True)
    print(f"\n{FRAMES} frames of {SIZE[0]} x {SIZE[1]}, {os.cpu_count()} cores, median of {ROUNDS}")
    for name in names:
        rate = statistics.median(r[name]["frames"] / r[name]["wall"] for r in rounds)
        cost = statistics.median(1000 * r[name]["cpu"] / r[name]["frames"] for r in rounds)
        print(f"{name:32} {rate:7.1f} frames/s {cost:7.2f} ms of processor time a frame")
    if not PEER:
        return None
    ratios = [r[THEIRS]["wall"] / r[OURS]["wall"] for r in rounds]
    costs = [r[OURS]["cpu"] / r[THEIRS]["cpu"] for r in rounds]
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(f"{OURS} is {statistics.median(ratios):.2f} times as fast as the peer ({each}), with "
          f"{statistics.median(costs):.2f} times its processor time")  # fmt: skip
    return statistics.median(ratios)


def _peaks(root: int) -> dict[int, float]:
    """The most MB that a process and each of its descendants has held by now."""
    parents, peaks = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int(
                    (folder / "stat").read_text().rpartition(")")[2].split()[1]
                )
                lines = (folder / "status").read_text().splitlines()
            except OSError:  # it has just ended
                continue
            peak = next((line.split()[1] for line in lines if line.startswith("VmHWM")), "0")
            peaks[int(folder.name)] = int(peak) / 1024
    tree = {root}
    while more := {pid for pid, parent in parents.items() if parent in tree} - tree:
        tree |= more
    return {pid: peaks[pid] for pid in tree if pid in peaks}


def memory(folder: Path) -> tuple[float, float]:
    """MB of all processes together, for a film and one ten times as long."""
    totals = []
    for n_frames in (FRAMES // 6, FRAMES * 10 // 6):
        film = folder / f"{n_frames}.mp4"
        make_film(film, (640, 360), n_frames)
        child = subprocess.Popen(
            [sys.executable, __file__, OURS, str(film)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        peaks: dict[int, float] = {}
        while child.poll() is None:
            for pid, peak in _peaks(child.pid).items():  # 0 of one that has just ended
                peaks[pid] = max(peak, peaks.get(pid, 0.0))
            time.sleep(0.1)
        assert child.returncode == 0
        totals.append(sum(peaks.values()))
        each = ", ".join(f"{peak:.0f}" for _, peak in sorted(peaks.items()))
        print(f"{n_frames} frames of 640 x 360: {totals[-1]:.0f} MB ({each})", flush=True)
    return totals[0], totals[1]


def test_a_film_becomes_a_track_as_fast_as_mediapipe_finds_landmarks(tmp_path: Path) -> None:
    ratio = speed(tmp_path)
    assert ratio is None or ratio >= 1.0


def test_memory_does_not_grow_with_the_film(tmp_path: Path) -> None:
    short, long = memory(tmp_path)
    assert long < short + GROWTH_MB


if __name__ == "__main__":
    if len(sys.argv) > 2:
        run(sys.argv[1], Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as name:
            speed(Path(name))
            memory(Path(name))
