"""Several reconstructors on one film: their tracks, curves, disagreement and a contact sheet."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import EiferError
from .files import atomic_path, make_folder
from .track import ExpressionTrack
from .video.compare import (
    Aligned,
    Disagreement,
    align,
    disagreement,
    expression_peaks,
    frame_at,
    time_of,
)
from .video.contact_sheet import contact_sheet
from .video.decode import PICTURES_HZ, open_video
from .video.film import Video

if TYPE_CHECKING:
    from .heads.model import HeadModel

#: The scores of the landmark network without a fit, as a method to compare with.
RAW = "blendshapes"
SHEET, CURVES, TABLE, FACTS = "contact_sheet.png", "curves", "disagreement.csv", "compare.json"
#: ``on_progress(label, done, total)`` in frames of a method.
OnMethod = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Comparison:
    """What came of a comparison.

    Attributes
    ----------
    tracks : dict
        Label to track, of the methods that worked, in their own spaces.
    failed : dict
        Label to the sentence that says why, of those that did not.
    frames : tuple of int
        Numbers of the frames on the contact sheet.
    mean_mm : dict
        (label, label) to the mean disagreement of that pair in mm; see `video.compare`.
    files : dict
        What was written: "sheet", "curves", "curves_svg", "table", "facts" and, by label, tracks.
    """

    tracks: dict[str, ExpressionTrack]
    failed: dict[str, str]
    frames: tuple[int, ...]
    mean_mm: dict[tuple[str, str], float]
    files: dict[str, Path]


def compare(
    video: str | Path,
    out: str | Path,
    *,
    backends: Sequence[str] = ("mediapipe", RAW),
    tracks: Mapping[str, ExpressionTrack] | Iterable[str | Path] = (),
    head: str | Path | None = None,
    frames: Sequence[int] | None = None,
    n_frames: int = 6,
    size: int = 224,
    overwrite: bool = False,
    on_progress: OnMethod | None = None,
    **choices: Any,
) -> Comparison:
    """Run several reconstructors on one film and lay them side by side.

    Parameters
    ----------
    video : path-like
    out : path-like
        A folder for tracks, curves, disagreement and contact sheet.
    backends : sequence of str
        As for :func:`video_to_expression`; ``"blendshapes"`` are the scores of the landmark
        network without a fit.
    tracks : mapping or iterable of path-like
        Tracks of the same film that are there already: label to track, or files of any format.
    head : path-like, optional
        A FLAME file: the avatar of the sheet, and what is fitted. None is the open head.
    frames : sequence of int, optional
        Numbers of the frames on the sheet; None takes peaks of the expression.
    n_frames : int
        How many peaks.
    size : int
        Pixels of a tile's edge.
    overwrite : bool
        Whether an earlier comparison may be replaced.
    on_progress : callable, optional
        Called with a method's name, frames done and frames in all.
    **choices
        Of :func:`video_to_expression`: ``who``, ``start``, ``stop``, ``step`` ….

    Returns
    -------
    Comparison
        A method that fails is a sentence in it.

    Raises
    ------
    EiferError
        When no method works, the film cannot be read, or results exist.
    """
    goal, film = Path(out), Path(video)
    if (goal / FACTS).exists() and not overwrite:
        raise EiferError(
            f"{goal} holds a comparison already.", "Choose another --out, or add --overwrite."
        )
    given, model = _given(tracks), _head(head)
    made, failed = _run(film, _wanted(backends, given), model, on_progress, choices)
    if not made | given:
        reasons = " ".join(dict.fromkeys(failed.values()))
        raise EiferError(f"No method could read {film.name}. {reasons}")
    make_folder(goal)
    files = {label: _save(track, goal, label) for label, track in made.items()}
    aligned = align(made | given)
    apart = disagreement(aligned)
    opened = open_video(film, rate_hz=choices.get("rate_hz") or PICTURES_HZ)
    shown = list(frames) if frames else _peaks(opened, aligned, n_frames)
    if shown:
        rate = choices.get("rate_hz")
        sheet = contact_sheet(made | given, film, shown, model, size=size, rate_hz=rate)
        files["sheet"] = _write_sheet(goal / SHEET, sheet)
    marks = [time_of(opened, number) for number in shown]
    files |= _write_curves(goal, film, aligned, apart, marks)
    files["table"] = _write_table(goal / TABLE, aligned, apart)
    result = Comparison(made | given, failed, tuple(shown), _means(apart), files)
    files["facts"] = _write_facts(goal / FACTS, film, result)
    return result


def _peaks(video: Video, aligned: Aligned, count: int) -> list[int]:
    rows = expression_peaks(aligned, count)
    return sorted({frame_at(video, float(aligned.times[row])) for row in rows})


def _means(apart: Disagreement) -> dict[tuple[str, str], float]:
    known = {pair: mm[np.isfinite(mm)] for pair, mm in apart.pairs.items()}
    return {pair: float(mm.mean()) for pair, mm in known.items() if len(mm)}


def _given(
    tracks: Mapping[str, ExpressionTrack] | Iterable[str | Path],
) -> dict[str, ExpressionTrack]:
    """Tracks that are there already, files under their names."""
    if isinstance(tracks, Mapping):
        return dict(tracks)
    from .exchange import read_track

    found: dict[str, ExpressionTrack] = {}
    for path in map(Path, tracks):
        label = path.name.removeprefix("track_").removesuffix(path.suffix)
        label = label if label not in found and label != "track" else f"{path.parent.name}/{label}"
        found[label] = read_track(path)
    return found


def _wanted(backends: Sequence[str], given: Mapping[str, ExpressionTrack]) -> list[str]:
    from ..models.reconstructors.registry import get_backend

    wanted = list(dict.fromkeys(backends))
    for name in wanted:
        if name in given:
            raise EiferError(
                f"'{name}' is a back end and a track's name at once.", "Rename the track's file."
            )
        if name != RAW:
            get_backend(name)
    return wanted


def _head(path: str | Path | None) -> HeadModel | None:
    if path is None:
        return None
    from . import api
    from .heads.retarget import with_arkit_units

    return with_arkit_units(api.load_head(path))


def _run(
    film: Path, backends: Sequence[str], head: HeadModel | None, on_progress: OnMethod | None,
    choices: Mapping[str, Any],
) -> tuple[dict[str, ExpressionTrack], dict[str, str]]:  # fmt: skip
    """Tracks of those that work and sentences of those that do not."""
    from .video.job import video_to_expression

    made: dict[str, ExpressionTrack] = {}
    failed: dict[str, str] = {}
    for label in backends:
        raw = label == RAW

        def tell(done: int, total: int, label: str = label) -> None:
            if on_progress is not None:
                on_progress(label, done, total)

        try:
            made[label] = video_to_expression(
                film, "mediapipe" if raw else label, None if raw else head, tell,
                **{**choices, **({"fit": False} if raw else {})},
            )  # fmt: skip
        except EiferError as error:
            failed[label] = str(error)
    return _raw_in_place(made), failed


def _raw_in_place(made: dict[str, ExpressionTrack]) -> dict[str, ExpressionTrack]:
    """Raw scores have no pose; the sheet shows them on the head where the fit has found it."""
    from dataclasses import replace

    raw, fitted = made.get(RAW), made.get("mediapipe")
    if raw is None or fitted is None or len(raw) != len(fitted):
        return made
    return made | {RAW: replace(
        raw, head_pose=fitted.head_pose, camera=fitted.camera, identity=fitted.identity,
        provenance={**raw.provenance, "head_pose_of": "mediapipe"},
    )}  # fmt: skip


def _write_sheet(path: Path, sheet: np.ndarray) -> Path:
    from PIL import Image

    with atomic_path(path) as temporary:
        Image.fromarray(sheet).save(temporary, format="PNG")
    return path


def _write_curves(
    goal: Path, film: Path, aligned: Aligned, apart: Disagreement, times: Sequence[float]
) -> dict[str, Path]:
    """The curves as a picture for the screen and as one for print."""
    from .video.compare_figure import save_curves

    marks = np.array([int(np.argmin(np.abs(aligned.times - time_s))) for time_s in times], int)
    return {
        label: save_curves(goal / f"{CURVES}.{kind}", aligned, apart, marks, title=film.name)
        for label, kind in (("curves", "png"), ("curves_svg", "svg"))
    }


def _write_table(path: Path, aligned: Aligned, apart: Disagreement) -> Path:
    """The disagreement of every frame; empty cells where fewer than two see the face."""
    pairs = {f"{a}_{b}_mm": mm for (a, b), mm in apart.pairs.items()}
    heads = ["time_s", "methods", "disagreement_mm", "disagreement_arkit", "rotation_deg", *pairs]
    columns = [apart.mm, apart.arkit, apart.degrees, *pairs.values()]
    seen = aligned.seen.sum(axis=0)
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        table = csv.writer(stream)
        table.writerow(heads)
        for k, time_s in enumerate(aligned.times):
            cells = [f"{column[k]:.5g}" if np.isfinite(column[k]) else "" for column in columns]
            table.writerow([f"{time_s:.6f}", int(seen[k]), *cells])
    return path


def _write_facts(path: Path, film: Path, result: Comparison) -> Path:
    facts = {
        "film": str(film.absolute()),
        "methods": {
            label: {
                "space": track.space.name, "frames": len(track),
                "gaps": int((track.confidence <= 0).sum()),
                "provenance": json.loads(json.dumps(dict(track.provenance), default=str)),
            }
            for label, track in result.tracks.items()
        },
        "failed": result.failed,
        "frames": list(result.frames),
        "mean_disagreement_mm": {f"{a} | {b}": mm for (a, b), mm in result.mean_mm.items()},
        "measure": "distance of the 468 face landmarks of the open head when it makes the "
        "expressions of two methods, without pose and identity, mean over landmarks and frames",
    }  # fmt: skip
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return path


def _save(track: ExpressionTrack, folder: Path, label: str) -> Path:
    return track.save(folder / f"track_{_plain(label)}.npz")


def _plain(label: str) -> str:
    """A label as a part of a file's name."""
    return re.sub(r"[^\w.-]+", "-", label)
