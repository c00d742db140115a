"""The parts of the report page: curves, faces, scores and sides, each drawn into its own box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .figures import FAINT, HAIR, INK, MIDDLE, SIDE_COLOURS, in_words, need_matplotlib, thin
from .heads.electrodes import sites_of
from .muscle_analysis_sides import WHOLE
from .muscle_analysis_words import number
from .muscle_figure import draw_face
from .muscle_moments import Moment

if TYPE_CHECKING:
    from .muscle_analysis import MuscleAnalysis
    from .muscle_analysis_moves import Movement

#: left, bottom, width, height as parts of the figure.
Box = tuple[float, float, float, float]
PREDICTED, MEASURED = "#CC3311", "#4d4d4d"
_SIDES = ("right", "left")
_MOST_POINTS = 1400
_GAP = 0.012
_HALO = {"boxstyle": "round,pad=0.12", "facecolor": "white", "alpha": 0.7, "linewidth": 0}
#: Above the curves stand numbers of movements, then the side.
_ABOVE_IN = 0.14
_BANDS = ("#f2f2f2", "#e9e9e9")
_FACE_ASPECT = 1.28
#: Numbers of movements stand so far apart, as a part of the curves' width.
_NUMBER_APART = 0.036
#: Movements that are drawn as faces, at most.
MOST_FACES = 8


def stems_of(found: MuscleAnalysis) -> list[str]:
    """Muscles without side, each once, in the order of the analysis."""
    return list(dict.fromkeys(m.rpartition(".")[0] or m for m in found.comparison.paired.muscles))


def draw_curves(figure: Any, found: MuscleAnalysis, box: Box, height_in: float) -> None:
    """Predicted beside measured, a row per muscle, the subject's right at the left."""
    paired, stems = found.comparison.paired, stems_of(found)
    left, bottom, width, height = box
    wide = (width - _GAP) / 2
    top = _top(found)
    for column, side in enumerate(_SIDES):
        own = (left + column * (wide + _GAP), bottom, wide, height)
        axes = figure.add_axes(own)
        _bands(axes, found, len(stems))
        for row, stem in enumerate(stems):
            axes.axhline(-row, color=HAIR, linewidth=0.5, zorder=1)
            name = f"{stem}.{side}"
            if name in paired.muscles:
                _curve(axes, found, paired.muscles.index(name), -row, top)
            else:
                axes.text(0.5, 0.3 - row, "not compared", color=FAINT, fontsize=5.5, ha="center",
                          transform=axes.get_yaxis_transform())  # fmt: skip
            if column == 0:
                axes.text(-0.015, 0.32 - row, in_words(stem), ha="right", va="center",
                          transform=axes.get_yaxis_transform())  # fmt: skip
        axes.set_xlim(float(paired.times[0]), float(paired.times[-1]))
        axes.set_ylim(-len(stems) + 0.9, 1.05)
        axes.set_yticks([])
        for spine in ("top", "left", "right"):
            axes.spines[spine].set_visible(False)
        axes.set_xlabel("time (s)", labelpad=1.0)
        figure.text(own[0] + wide / 2, bottom + height + _ABOVE_IN / height_in,
                    f"subject's {side}", ha="center", va="bottom", color=FAINT)  # fmt: skip
    _scale_bar(figure, box, len(stems), top)


def _top(found: MuscleAnalysis) -> float:
    """The activity to which rows are drawn."""
    comparison = found.comparison
    tops = [np.percentile(comparison.paired.predicted * comparison.gains, 99.8)]
    if comparison.measured is not None:
        tops.append(np.percentile(comparison.measured, 99.8))
    return max(0.6, float(max(tops)))


def _curve(axes: Any, found: MuscleAnalysis, k: int, base: float, top: float) -> None:
    paired, measured = found.comparison.paired, found.comparison.measured
    sure = paired.usable[:, k]
    if measured is not None:
        curve = np.clip(np.where(sure, measured[:, k], np.nan), 0.0, top) / top * 0.92
        time_s, values = thin(paired.times, curve, _MOST_POINTS)
        axes.fill_between(time_s, base, base + values, color=MEASURED, alpha=0.35, linewidth=0,
                          zorder=2)  # fmt: skip
    curve = found.comparison.gains[k] * paired.predicted[:, k]
    curve = np.clip(np.where(sure, curve, np.nan), 0.0, top) / top * 0.92
    time_s, values = thin(paired.times, curve, _MOST_POINTS)
    axes.plot(time_s, base + values, color=PREDICTED, linewidth=0.75, zorder=3)
    score = found.comparison.score_of(paired.muscles[k])
    if score is not None and np.isfinite(score.rho):
        text = f"ρ {number(score.rho)}" if score.acted else "did not act"
        axes.text(0.998, base + 0.66, text, ha="right", va="center", fontsize=5.2, color=FAINT,
                  transform=axes.get_yaxis_transform(), zorder=4, bbox=_HALO)  # fmt: skip


def _bands(axes: Any, found: MuscleAnalysis, rows: int) -> None:
    """Movements as grey bands; their numbers above them."""
    span = float(np.ptp(found.comparison.paired.times)) or 1.0
    last = -np.inf
    for k, move in enumerate(found.comparison.movements, 1):
        axes.axvspan(move.start_s, move.stop_s, color=_BANDS[k % 2], linewidth=0, zorder=0)
        middle = (move.start_s + move.stop_s) / 2
        if middle - last > _NUMBER_APART * span:
            axes.text(middle, 1.08, str(k), ha="center", va="bottom", fontsize=5.2, color=FAINT)
            last = middle
    axes.set_ylim(-rows + 0.9, 1.05)


def _scale_bar(figure: Any, box: Box, rows: int, top: float) -> None:
    """How high an activity of 0.5 is, right of the curves."""
    per_row = box[3] / (rows + 0.15)
    high = 0.5 / top * 0.92 * per_row
    mpl = need_matplotlib()
    x, y = box[0] + box[2] + 0.012, box[1] + 0.1 * per_row
    figure.add_artist(mpl.lines.Line2D([x, x], [y, y + high], color=INK, linewidth=1.2))
    figure.text(x + 0.007, y + high / 2, "0.5", va="center", fontsize=6)


def draw_key(figure: Any, found: MuscleAnalysis, x: float, y: float) -> None:
    """What the line and the area are."""
    mpl = need_matplotlib()
    figure.add_artist(mpl.lines.Line2D([x, x + 0.025], [y, y], color=PREDICTED, linewidth=1.2))
    more = "" if found.measured is None else ", with the gain of each muscle"
    text = figure.text(x + 0.03, y, f"predicted from the face{more}", va="center")
    if found.measured is None:
        return
    box = text.get_window_extent(figure.canvas.get_renderer())
    right = float(box.transformed(figure.transFigure.inverted()).x1) + 0.025
    patch = mpl.patches.Rectangle(
        (right, y - 0.0035), 0.025, 0.007, facecolor=MEASURED, alpha=0.35,
        transform=figure.transFigure,
    )  # fmt: skip
    figure.add_artist(patch)
    figure.text(right + 0.03, y, "measured by electrodes", va="center")


def chosen_movements(found: MuscleAnalysis, most: int = MOST_FACES) -> list[Movement]:
    """The movements that are shown as faces: the strongest one of each name, in their order."""
    strength = {
        move.label: max(
            (np.nan_to_num(row.predicted) for row in found.comparison.courses
             if row.movement == move.label), default=0.0,
        )
        for move in found.comparison.movements
    }  # fmt: skip
    best: dict[str, Movement] = {}
    for move in found.comparison.movements:
        known = best.get(move.name)
        if known is None or strength[move.label] > strength[known.label]:
            best[move.name] = move
    chosen = sorted(best.values(), key=lambda move: -strength[move.label])[:most]
    return sorted(chosen, key=lambda move: move.start_s)


def draw_faces(figure: Any, found: MuscleAnalysis, box: Box, size_in: tuple[float, float]) -> None:
    """Maps of the mean activity in movements: predicted above, measured below."""
    moves = chosen_movements(found)
    rows = [("predicted", "predicted", PREDICTED)]
    rows += [("measured", "measured", MEASURED)] if found.measured is not None else []
    left, bottom, width, height = box
    tall = height / len(rows)
    wide = min(width / max(len(moves), 1), tall * size_in[1] / size_in[0] / _FACE_ASPECT)
    image = None
    for row, (word, field, colour) in enumerate(rows):
        low = bottom + (len(rows) - 1 - row) * tall
        figure.text(left - 0.012, low + tall / 2, word, rotation=90, ha="right", va="center",
                    color=colour, fontsize=7)  # fmt: skip
        for column, move in enumerate(moves):
            moment = _moment(found, move, field)
            own = (left + column * wide, low, 0.94 * wide, 0.94 * tall)
            image = draw_face(figure, moment, own, names=False, limit=1.0, size=0.42)
            if row == 0:
                number_of = found.comparison.movements.index(move) + 1
                words = str(number_of) if move.found else f"{number_of} {move.name}"
                figure.text(own[0] + own[2] / 2, bottom + height + 0.002,
                            _short(words, wide * size_in[0]), ha="center", va="bottom",
                            fontsize=5.8)  # fmt: skip
    if image is not None:
        bar = figure.add_axes((left + len(moves) * wide + 0.012, bottom + 0.15 * height, 0.009,
                               0.7 * height))  # fmt: skip
        scale = figure.colorbar(image, cax=bar, extend="max", ticks=[0, 0.5, 1])
        scale.outline.set_linewidth(0.5)
        bar.tick_params(length=2, labelsize=5.5)
        bar.set_ylabel("mean activity", fontsize=5.8, labelpad=2)


def _short(text: str, width_in: float) -> str:
    most = max(6, int(width_in * 21))
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _moment(found: MuscleAnalysis, move: Movement, field: str) -> Moment:
    rows = {row.muscle: row for row in found.comparison.courses if row.movement == move.label}
    names = tuple(m for m in found.comparison.paired.muscles if m in rows)
    values = np.nan_to_num([getattr(rows[m], field) for m in names])
    places = sites_of(names, names, None, ())
    kept = [k for k in range(len(names)) if k in places]
    return Moment(
        np.asarray(values)[kept], tuple(names[k] for k in kept), move.label,
        sites=tuple(places[k] for k in kept),
    )  # fmt: skip


def draw_scores(figure: Any, found: MuscleAnalysis, box: Box) -> None:
    """Rank correlation, percentage error, error and delay of each muscle, with their intervals."""
    comparison, stems = found.comparison, stems_of(found)
    unit = found.unit or "activity"
    delays = comparison.delays
    by_muscle = {d.muscle: d for d in delays.muscles if d.reliable} if delays is not None else {}
    columns = (("Spearman ρ", (0.0, 1.0)), ("SMAPE (%)", None), (f"RMS error ({unit})", None),
               ("delay (ms)", None))  # fmt: skip
    left, bottom, width, height = box
    wide = (width - 3 * 0.022) / 4
    for column, (title, limits) in enumerate(columns):
        axes = figure.add_axes((left + column * (wide + 0.022), bottom, wide, height))
        _rows(axes, stems, first=column == 0)
        for row, stem in enumerate(stems):
            for side in ("left", "right"):
                drawn = _value(column, found, f"{stem}.{side}", by_muscle)
                if drawn is not None:
                    _dot(axes, row, side, *drawn)
        if column == 3 and delays is not None and delays.common_ms is not None:
            axes.axvline(delays.common_ms, color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
        axes.set_xlabel(title, labelpad=1.5)
        if limits is not None and axes.dataLim.x0 > limits[0]:
            axes.set_xlim(*limits)
        elif column in (1, 2):
            axes.set_xlim(0, max(axes.get_xlim()[1], 1e-6))


def _value(
    column: int, found: MuscleAnalysis, muscle: str, delays: dict[str, Any]
) -> tuple[float, tuple[float, float] | None, bool] | None:
    """Value, interval and whether the muscle acted."""
    score = found.comparison.score_of(muscle)
    if column == 3:
        delay = delays.get(muscle)
        return None if delay is None else (delay.ms, delay.interval_ms, True)
    if score is None or not np.isfinite(score.rho):
        return None
    if column == 0:
        return score.rho, score.rho_interval, score.acted
    if column == 1:
        return score.smape, score.smape_interval, score.acted
    factor = score.rms_unit / score.rms if found.unit and score.rms > 0 else 1.0
    bounds = score.rms_interval
    scaled = None if bounds is None else (factor * bounds[0], factor * bounds[1])
    return factor * score.rms, scaled, score.acted


def _rows(axes: Any, stems: Sequence[str], *, first: bool) -> None:
    axes.set_ylim(len(stems) - 0.4, -0.6)
    axes.set_yticks(range(len(stems)), [in_words(stem) for stem in stems] if first else [])
    axes.tick_params(left=False, labelsize=6)
    for row in range(0, len(stems), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="#f5f5f5", linewidth=0, zorder=0)
    for spine in ("top", "right", "left"):
        axes.spines[spine].set_visible(False)


def _dot(
    axes: Any, row: int, side: str, value: float, bounds: tuple[float, float] | None,
    filled: bool = True,
) -> None:  # fmt: skip
    y, colour = row + (-0.17 if side == "left" else 0.17), SIDE_COLOURS.get(side, MIDDLE)
    if bounds is not None:
        axes.plot(bounds, (y, y), color=colour, linewidth=0.8, zorder=2, solid_capstyle="butt")
    axes.plot([value], [y], "o", markersize=2.9, zorder=3, color=colour, markeredgewidth=0.7,
              markerfacecolor=colour if filled else "white")  # fmt: skip


def draw_sides_of(figure: Any, found: MuscleAnalysis, box: Box) -> None:
    """Left against right, predicted and measured, over the whole film."""
    rows = [row for row in found.comparison.asymmetries if row.movement == WHOLE]
    axes = figure.add_axes(box)
    _rows(axes, [row.muscle for row in rows], first=True)
    axes.axvline(0, color=FAINT, linewidth=0.6)
    for k, row in enumerate(rows):
        for up, value, bounds, colour in (
            (-0.17, row.predicted, row.predicted_interval, PREDICTED),
            (0.17, row.measured, row.measured_interval, MEASURED),
        ):
            if value is None:
                continue
            if bounds is not None:
                axes.plot(bounds, (k + up, k + up), color=colour, linewidth=0.9, zorder=2)
            axes.plot([value], [k + up], "D", markersize=2.6, color=colour, zorder=3)
    reach = max(20.0, *(abs(x) for x in axes.get_xlim()))
    axes.set_xlim(-min(reach, 105.0), min(reach, 105.0))
    axes.set_xlabel("100 (L \N{MINUS SIGN} R) / (L + R), %", labelpad=1.5)
    for word, x, side in (("right", 0.0, "left"), ("left", 1.0, "right")):
        axes.text(x, 1.01, f"{word} stronger", ha=side, va="bottom", fontsize=5.8, color=FAINT,
                  transform=axes.transAxes)  # fmt: skip


def draw_matrix(figure: Any, found: MuscleAnalysis, box: Box) -> None:
    """Mean predicted activity by movement and muscle, where nothing was measured."""
    comparison, names = found.comparison, found.comparison.paired.muscles
    moves = comparison.movements[:24]
    if not moves:
        figure.text(box[0], box[1] + box[3] / 2, "No movement was found.", color=FAINT)
        return
    rows = {(row.muscle, row.movement): row.predicted for row in comparison.courses}
    values = np.array([[rows.get((m, move.label), np.nan) for move in moves] for m in names])
    axes = figure.add_axes((box[0], box[1], box[2] - 0.03, box[3]))
    image = axes.imshow(values, aspect="auto", cmap="viridis", vmin=0, vmax=1)
    words = [name.replace("_", " ").replace(".", ", ") for name in names]
    axes.set_yticks(range(len(names)), words, fontsize=5.2)
    labels = [
        str(k) if move.found else f"{k} {_short(move.label, 0.75)}"
        for k, move in enumerate(moves, 1)
    ]
    turned = {} if all(move.found for move in moves) else {"rotation": 40, "ha": "right"}
    axes.set_xticks(range(len(moves)), labels, fontsize=5.2, **turned)
    axes.set_xlabel("movement", labelpad=1.5)
    axes.tick_params(length=0, pad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
    bar = figure.add_axes((box[0] + box[2] - 0.02, box[1], 0.009, box[3]))
    figure.colorbar(image, cax=bar, extend="max").outline.set_visible(False)
    bar.tick_params(length=2, labelsize=5.5)
    bar.set_ylabel("mean activity", fontsize=5.8, labelpad=2)
