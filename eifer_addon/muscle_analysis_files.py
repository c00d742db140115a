"""An analysis as files: a tidy table for statistics programs, the numbers, activity and report."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import EiferError
from .files import atomic_path, make_folder
from .muscle_analysis_compare import summary_of

if TYPE_CHECKING:
    from .muscle_analysis import MuscleAnalysis

FORMAT_VERSION = 1
KIND = "muscle_analysis"
#: The files of an analysis by what they hold.
NAMES = {
    "csv": "curves.csv", "scores": "muscles.csv", "movements": "movements.csv",
    "numbers": "muscles.json", "activity": "activity.npz", "page": "report.png",
    "report": "report.html",
}  # fmt: skip
CURVE_COLUMNS = (
    "time_s", "muscle", "side", "predicted", "predicted_fitted", "measured", "movement", "counts",
)  # fmt: skip


def save_analysis(
    found: MuscleAnalysis, folder: str | Path, *, overwrite: bool = False, report: bool = True
) -> dict[str, Path]:
    """Write all files of an analysis; see :meth:`.muscle_analysis.MuscleAnalysis.save`."""
    goal = Path(folder)
    files = {key: goal / name for key, name in NAMES.items()}
    if not report:
        files = {key: path for key, path in files.items() if key not in ("page", "report")}
    there = next((path for path in files.values() if path.exists()), None)
    if there is not None and not overwrite:
        raise EiferError(f"{there} exists already.", "Choose another folder, or overwrite it.")
    make_folder(goal)
    write_curves(found, files["csv"])
    write_rows(files["scores"], score_rows(found))
    write_rows(files["movements"], movement_rows(found))
    found.predicted.save(files["activity"])
    with atomic_path(files["numbers"]) as temporary:
        text = json.dumps(to_document(found), indent=1, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    if report:
        from .muscle_page import write_page
        from .muscle_page_html import write_html

        write_page(files["page"], found)
        write_html(files["report"], found)
    return files


def sides_of(muscle: str) -> tuple[str, str]:
    """Muscle and side of ``"zygomaticus.left"``."""
    stem, dot, side = muscle.rpartition(".")
    return (stem, side) if dot else (muscle, "")


def write_curves(found: MuscleAnalysis, path: str | Path, *, overwrite: bool = True) -> Path:
    """Write predicted and measured activity as a tidy table: a row per frame and muscle.

    Columns: `CURVE_COLUMNS`. Activities are 0 at rest and 1 when strong; ``predicted_fitted`` has
    the muscle's gain, ``measured`` is shifted by the delay that was taken off and may lie below
    rest; ``counts`` is 1 where both can be trusted. Without a recording both cells are empty.
    """
    paired, measured = found.comparison.paired, found.comparison.measured
    names = np.full(len(paired.times), "", object)
    for move in found.comparison.movements:
        names[move.holds(paired.times)] = move.label
    goal = Path(path)
    with (
        atomic_path(goal, overwrite=overwrite) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        table = csv.writer(stream)
        table.writerow(CURVE_COLUMNS)
        for k, muscle in enumerate(paired.muscles):
            stem, side = sides_of(muscle)
            own, gain = paired.predicted[:, k], found.comparison.gains[k]
            for n, time_s in enumerate(paired.times):
                fitted = "" if measured is None else f"{gain * own[n]:.5f}"
                other = "" if measured is None else f"{measured[n, k]:.5f}"
                table.writerow((
                    f"{time_s:.5f}", stem, side, f"{own[n]:.5f}", fitted, other, names[n],
                    int(paired.usable[n, k]),
                ))  # fmt: skip
    return goal


def score_rows(found: MuscleAnalysis) -> Iterator[dict[str, Any]]:
    """One row per muscle: its score and its delay."""
    delays = found.comparison.delays
    by_muscle = {d.muscle: d for d in delays.muscles} if delays is not None else {}
    paired = found.comparison.paired
    for k, muscle in enumerate(paired.muscles):
        stem, side = sides_of(muscle)
        score, delay = found.comparison.score_of(muscle), by_muscle.get(muscle)
        sure = paired.usable[:, k]
        mean = float(paired.predicted[sure, k].mean()) if sure.any() else float("nan")
        row: dict[str, Any] = {"muscle": stem, "side": side, "predicted_mean": mean}
        if score is not None:
            row |= {key: value for key, value in asdict(score).items() if key != "muscle"}
            row |= {"unit": found.unit, "baseline_unit": float(paired.baseline[k]),
                    "scale_unit": float(paired.scale[k])}  # fmt: skip
        if delay is not None:
            row |= {
                "delay_ms": delay.ms, "delay_interval_ms": delay.interval_ms,
                "delay_correlation": delay.correlation, "delay_reliable": delay.reliable,
            }  # fmt: skip
        yield row


def movement_rows(found: MuscleAnalysis) -> Iterator[dict[str, Any]]:
    """One row per movement and muscle."""
    for row in found.comparison.courses:
        stem, side = sides_of(row.muscle)
        values = {"movement": row.movement, "muscle": stem, "side": side} | {
            key: value for key, value in asdict(row).items()
            if key not in ("movement", "muscle", "predicted_course", "measured_course")
        }  # fmt: skip
        for name, course in (
            ("predicted", row.predicted_course),
            ("measured", row.measured_course),
        ):
            for key in ("onset_s", "apex_s", "offset_s", "peak"):
                values[f"{name}_{key}"] = None if course is None else getattr(course, key)
        yield values


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows as CSV; intervals become two columns, what is not known an empty cell."""
    flat = [_flat(row) for row in rows]
    heads = list(dict.fromkeys(name for row in flat for name in row))
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        table = csv.DictWriter(stream, heads, restval="")
        table.writeheader()
        table.writerows(flat)
    return path


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if "interval" in name:
            low, high = value if value is not None else (None, None)
            stem = name.replace("_interval", "")
            flat |= {f"{stem}_low": _cell(low), f"{stem}_high": _cell(high)}
        else:
            flat[name] = _cell(value)
    return flat


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return int(value)
    return f"{value:.6g}" if isinstance(value, float) else value


def to_document(found: MuscleAnalysis) -> dict[str, Any]:
    """All numbers as JSON values; null where one is not known."""
    comparison = found.comparison
    summary = summary_of(comparison)
    clock = None
    if found.clock is not None:
        clock = {
            "sentence": found.clock.sentence, "delay_is_known": found.clock.delay_is_known,
            "sync": found.clock.sync.as_document(),
        }  # fmt: skip
    return plain({
        "format_version": FORMAT_VERSION, "kind": KIND, "film": found.name,
        "frames": len(found.predicted), "rate_hz": comparison.paired.rate_hz,
        "gaps": int((~found.seen).sum()), "unit": found.unit,
        "muscles": list(comparison.paired.muscles), "clock": clock,
        "delays": None if comparison.delays is None else asdict(comparison.delays),
        "prediction_behind": None if comparison.behind is None else asdict(comparison.behind),
        "shifted_ms": comparison.late_ms,
        "summary": None if summary is None else asdict(summary),
        "scores": [asdict(score) for score in comparison.scores],
        "movements": [asdict(move) | {"label": move.label} for move in comparison.movements],
        "in_movements": [asdict(row) for row in comparison.courses],
        "asymmetry": [asdict(row) for row in comparison.asymmetries],
        "left_out": [asdict(row) for row in comparison.left_out],
        "notes": list(found.notes), "about": dict(found.about),
    })  # fmt: skip


def plain(value: Any) -> Any:
    """A value as JSON takes it: numbers that are not finite become null."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(each) for each in value]
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value if isinstance(value, str | int | bool | None) else str(value)
