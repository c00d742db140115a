"""An analysis in words: lines for a person, and the sentences of a caption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .figures import in_words
from .muscle_analysis_compare import summary_of
from .muscle_analysis_sides import WHOLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .muscle_analysis import MuscleAnalysis
    from .muscle_analysis_delay import Delays
    from .muscle_analysis_moves import Movement

_MOST_LEFT_OUT = 12


def in_order(muscle: str) -> str:
    """``"zygomaticus.left"`` as ``"zygomaticus, left"``."""
    stem, _, side = muscle.rpartition(".")
    return f"{in_words(stem)}, {side}" if stem else in_words(side)


def number(value: float | None, form: str = ".2f") -> str:
    """A number, or a dash where there is none."""
    if value is None or not np.isfinite(value):
        return "–"
    text = format(value, form)
    if float(text) == 0:
        text = text.lstrip("+-")
    return text.replace("-", "\N{MINUS SIGN}")


def between(bounds: tuple[float, float] | None, form: str = ".2f") -> str:
    """An interval in brackets; nothing where there is none."""
    return "" if bounds is None else f"[{number(bounds[0], form)}, {number(bounds[1], form)}]"


def describe(found: MuscleAnalysis) -> str:
    """A few lines that a person can read."""
    paired, comparison = found.comparison.paired, found.comparison
    n, gaps = len(found.predicted), int((~found.seen).sum())
    lines = [
        f"Muscle analysis of {found.name}: {n} frames at {paired.rate_hz:.4g} Hz, {gaps} gaps, "
        f"{len(paired.muscles)} muscles, {len(comparison.movements)} movements"
    ]
    if found.measured is None:
        lines += _strongest(found)
    else:
        lines += [delay_sentence(found), *_scores(found), summary_sentence(found)]
    lines += _sides(found)
    for row in comparison.left_out[:_MOST_LEFT_OUT]:
        many = f" ({row.frames} frames)" if row.frames else ""
        lines.append(f"  left out: {row.what}: {row.why}{many}")
    if (more := len(comparison.left_out) - _MOST_LEFT_OUT) > 0:
        lines.append(f"  left out: {more} more")
    return "\n".join([*lines, *(f"  note: {note}" for note in found.notes)])


def _strongest(found: MuscleAnalysis) -> list[str]:
    """What each movement was made of, as predicted."""
    lines = []
    for move in found.comparison.movements:
        rows = [row for row in found.comparison.courses if row.movement == move.label]
        rows = sorted(rows, key=lambda row: -np.nan_to_num(row.predicted))[:4]
        said = ", ".join(f"{in_order(row.muscle)} {number(row.predicted)}" for row in rows)
        lines.append(f"  {move.label} ({move.start_s:.2f}–{move.stop_s:.2f} s): {said}")
    return lines


def _scores(found: MuscleAnalysis) -> list[str]:
    unit = found.unit or "activity"
    lines = [f"  {'muscle':<30} {'n':>6} {'ρ':>6} {'SMAPE %':>8} {'RMS':>7} {'MSE':>8} "
             f"{'delay ms':>9}   (RMS in {unit})"]  # fmt: skip
    delays = (
        {d.muscle: d for d in found.comparison.delays.muscles} if found.comparison.delays else {}
    )
    for score in found.comparison.scores:
        delay = delays.get(score.muscle)
        ms = number(delay.ms, ".0f") if delay is not None and delay.reliable else "–"
        rms = number(score.rms_unit if found.unit else score.rms, ".3g")
        lines.append(
            f"  {in_order(score.muscle):<30} {score.n:>6} {number(score.rho):>6} "
            f"{number(score.smape, '.1f'):>8} {rms:>7} {number(score.mse, '.4f'):>8} {ms:>9}"
            + ("" if score.acted else "   (did not act)")
        )
    return lines


def delay_sentence(found: MuscleAnalysis) -> str:
    """What is known of the delay between muscle and skin."""
    delays, behind = found.comparison.delays, found.comparison.behind
    if delays is None or delays.common_ms is None:
        text = "The delay between muscle and skin could not be told."
    elif found.clock is not None and not found.clock.delay_is_known:
        text = (
            "The delay between muscle and skin is a part of the offset of the clocks, which was "
            f"found by the curves; {_delay_words(delays)} are left."
        )
    else:
        text = (
            f"The face follows the muscles by {_delay_words(delays)}: the electro-mechanical delay."
        )
    if behind is None or behind is delays or behind.common_ms is None:
        return text
    later = "after" if behind.common_ms >= 0 else "before"
    return (
        f"{text} The predicted curves lay {number(abs(behind.common_ms), '.0f')} ms {later} the "
        "measured ones; both were compared without this shift."
    )


def _delay_words(delays: Delays) -> str:
    value = f"{number(delays.common_ms, '.0f')} ms"
    if delays.interval_ms is not None:
        value += f" (95 % interval {number(delays.interval_ms[0], '.0f')} to "
        value += f"{number(delays.interval_ms[1], '.0f')})"
    return f"{value}, by {sum(delay.reliable for delay in delays.muscles)} muscles"


def numbered(movements: Sequence[Movement]) -> list[str]:
    """Movements with their numbers, those of one name together: ``"3, 7 happy"``."""
    places: dict[str, list[int]] = {}
    for place, move in enumerate(movements, 1):
        places.setdefault(move.name, []).append(place)
    return [f"{', '.join(map(str, found))} {name}" for name, found in places.items()]


def summary_sentence(found: MuscleAnalysis) -> str:
    """The numbers over all muscles that acted."""
    summary = summary_of(found.comparison)
    if summary is None:
        return "No muscle was measured to act, so nothing can be compared."
    text = (
        f"Over {summary.n_muscles} muscles that acted (mean ± standard deviation): "
        f"ρ {number(summary.rho[0])} ± {number(summary.rho[1])}, "
        f"SMAPE {number(summary.smape[0], '.1f')} ± {number(summary.smape[1], '.1f')} %, "
        f"RMS error {number(summary.rms[0], '.3f')} ± {number(summary.rms[1], '.3f')}"
    )
    if summary.n_onsets:
        text += (
            f"; onset error, median {number(summary.onset_error_ms[0], '.0f')} ms (half the "
            f"interquartile range {number(summary.onset_error_ms[1], '.0f')} ms; "
            f"n = {summary.n_onsets} onsets)"
        )
    return text + "."


def _sides(found: MuscleAnalysis) -> list[str]:
    rows = [row for row in found.comparison.asymmetries if row.movement == WHOLE]
    if not rows:
        return []
    lines = ["  left against right, 100 (L \N{MINUS SIGN} R) / (L + R):"]
    for row in rows:
        own = f"predicted {number(row.predicted, '+.0f')} {between(row.predicted_interval, '+.0f')}"
        other = ""
        if row.measured is not None:
            other = f", measured {number(row.measured, '+.0f')} "
            other += between(row.measured_interval, "+.0f")
        lines.append(f"    {in_words(row.muscle)}: {own}{other}")
    return lines


def caption_facts(found: MuscleAnalysis) -> dict[str, Any]:
    """What captions name: model, film, numbers of frames, simulated or not."""
    by = dict(found.about.get("predicted_by") or {})
    return {
        "model": str(by.get("model") or by.get("model_name") or "a model"),
        "simulated": bool(
            found.about.get("simulated") or found.predicted.source.get("simulated")
            or (found.measured is not None and found.measured.source.get("simulated"))
        ),
        "frames": len(found.comparison.paired.times),
    }  # fmt: skip
