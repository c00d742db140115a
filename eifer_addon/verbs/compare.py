"""``eifer compare``: several reconstructors on one film, laid side by side."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import api
from ..progress import ProgressBar
from ..video_compare import Comparison
from .base import Result, require_blender, require_free
from .choices import whole_from
from .video import add_shared_arguments, video_choices

HELP = "Run several reconstructors on one video: tracks, curves, disagreement, contact sheet."
EXAMPLE = "eifer compare smile.mp4 --backends mediapipe smirk --out compared"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("video", type=Path, help="the video of a face")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder")
    parser.add_argument(
        "--backends", nargs="*", default=["mediapipe", "blendshapes"], metavar="NAME",
        help="mediapipe, blendshapes (its network's scores without a fit), and what 'eifer models "
        "import' has brought (default: mediapipe blendshapes)",
    )  # fmt: skip
    parser.add_argument(
        "--tracks", nargs="+", default=[], type=Path, metavar="FILE",
        help="tracks of the same video that are there already, of EIFER or another program",
    )  # fmt: skip
    parser.add_argument(
        "--frames", nargs="+", type=whole_from(0), metavar="N",
        help="frames on the contact sheet (default: peaks of the expression)",
    )  # fmt: skip
    parser.add_argument(
        "--columns", type=whole_from(1), default=6, help="how many peaks (default 6)"
    )
    parser.add_argument(
        "--tile", type=whole_from(32), default=224, help="pixels of a tile's edge (default 224)"
    )
    parser.add_argument(
        "--blend", type=Path, metavar="FILE", help="also write a .blend: an avatar and a take for "
        "each method, side by side",
    )  # fmt: skip
    add_shared_arguments(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier comparison")


def run(options: argparse.Namespace) -> Result:
    """Compare, and tell how far the methods are apart."""
    if options.blend:
        require_free([options.blend], force=options.overwrite)
        require_blender()
    bars: dict[str, ProgressBar] = {}

    def tell(label: str, done: int, total: int) -> None:
        bars.setdefault(label, ProgressBar(label))(done, total)

    found = api.compare(
        options.video, options.out, backends=options.backends, tracks=options.tracks,
        head=options.head, frames=options.frames, n_frames=options.columns, size=options.tile,
        overwrite=options.overwrite, on_progress=tell, **video_choices(options),
    )  # fmt: skip
    files = {name: str(path) for name, path in found.files.items()}
    if options.blend:
        from ..scene.compare_scene import save_compared

        files["blend"] = str(
            save_compared(found.tracks, options.video, options.blend, options.head)
        )
    return _result(found, files)


def _result(found: Comparison, files: dict[str, str]) -> Result:
    lines = []
    for label, track in found.tracks.items():
        gaps = int((track.confidence <= 0).sum())
        lines.append(f"{label}: {track.space.name}, {len(track)} frames, {gaps} gaps")
    lines += [f"{label}: failed: {sentence}" for label, sentence in found.failed.items()]
    lines += [f"{a} and {b}: {mm:.2f} mm apart on average" for (a, b), mm in found.mean_mm.items()]
    lines.append("frames: " + ", ".join(map(str, found.frames)))
    lines += [f"{name}: {path}" for name, path in files.items()]
    values = {
        "files": files, "failed": found.failed, "frames": list(found.frames),
        "mean_disagreement_mm": [[a, b, mm] for (a, b), mm in found.mean_mm.items()],
        "methods": {label: track.space.name for label, track in found.tracks.items()},
    }  # fmt: skip
    return Result("\n".join(lines), values, failed=bool(found.failed))
