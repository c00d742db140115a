"""The report page of a muscle analysis: an A4 page that can go into a paper's supplement."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import muscle_page_parts as parts
from .figures import FAINT, HAIR, INK, SIDE_COLOURS, STYLE, WARNING, need_matplotlib, new_figure
from .files import atomic_path
from .muscle_analysis_words import (
    caption_facts,
    delay_sentence,
    number,
    numbered,
    summary_sentence,
)

if TYPE_CHECKING:
    from .muscle_analysis import MuscleAnalysis

WIDTH_IN, HEIGHT_IN, DPI = 8.27, 11.69, 220
_LEFT, _RIGHT = 0.06, 0.95
#: Characters of the caption's font that fit the page.
_LINE = 150
_SENTENCE = 148


def write_page(path: str | Path, found: MuscleAnalysis, *, overwrite: bool = True) -> Path:
    """Draw the page as a PNG of A4 at 220 dots per inch.

    Parameters
    ----------
    path : path-like
    found : MuscleAnalysis
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    EiferError
        When matplotlib is missing or the file cannot be written.
    """
    mpl = need_matplotlib()
    goal = Path(path)
    with mpl.rc_context(dict(STYLE)):
        figure = draw_page(found)
        with atomic_path(goal, overwrite=overwrite) as temporary:
            figure.savefig(temporary, format="png", dpi=DPI)
    return goal


def draw_page(found: MuscleAnalysis) -> Any:
    """The whole page as a figure."""
    figure = new_figure(WIDTH_IN, HEIGHT_IN, DPI, facecolor="white")
    _header(figure, found)
    size = (WIDTH_IN, HEIGHT_IN)
    has_measured = found.measured is not None
    curves = (0.175, 0.56, 0.735, 0.285) if has_measured else (0.175, 0.52, 0.735, 0.352)
    _letter(figure, "a", _curve_title(found), curves[1] + curves[3] + 0.047)
    parts.draw_curves(figure, found, curves, HEIGHT_IN)
    parts.draw_key(figure, found, 0.175, curves[1] + curves[3] + 0.031)
    _movement_list(figure, found, curves[1] - 0.029)
    if has_measured:
        _letter(figure, "b", "Mean activity in the strongest movements", 0.506)
        parts.draw_faces(figure, found, (0.085, 0.348, 0.82, 0.142), size)
        _letter(figure, "c", "Agreement of each muscle, with 95 % intervals", 0.332)
        _side_key(figure, 0.62, 0.332)
        parts.draw_scores(figure, found, (0.175, 0.135, 0.455, 0.188))
        _letter(figure, "d", "Left against right", 0.332, x=0.665)
        parts.draw_sides_of(figure, found, (0.775, 0.135, 0.175, 0.176))
    else:
        _letter(figure, "b", "Mean activity in the strongest movements", 0.464)
        parts.draw_faces(figure, found, (0.085, 0.366, 0.82, 0.082), size)
        _letter(figure, "c", "Mean activity by movement", 0.345)
        parts.draw_matrix(figure, found, (0.175, 0.165, 0.43, 0.168))
        _letter(figure, "d", "Left against right", 0.345, x=0.655)
        parts.draw_sides_of(figure, found, (0.775, 0.165, 0.175, 0.155))
    _caption(figure, found)
    return figure


def _header(figure: Any, found: MuscleAnalysis) -> None:
    beside = " and from electrodes" if found.measured is not None else ""
    figure.text(_LEFT, 0.97, f"Muscle activity from the face{beside}", fontsize=13, weight="bold",
                va="center")  # fmt: skip
    facts = caption_facts(found)
    line = f"{found.name}  ·  {facts['frames']} frames at {found.comparison.paired.rate_hz:.4g} Hz"
    line += f"  ·  {len(found.comparison.movements)} movements"
    if found.measured is not None and found.about.get("recording"):
        line += f"  ·  {found.about['recording']}"
    figure.text(_LEFT, 0.9525, line, fontsize=8, color=FAINT, va="center")
    if facts["simulated"]:
        figure.text(_RIGHT - 0.006, 0.969, "Simulated, not measured on a person", fontsize=8,
                    ha="right", va="center", color=INK, bbox={
                        "boxstyle": "round,pad=0.45", "facecolor": WARNING, "edgecolor": "none",
                        "alpha": 0.55})  # fmt: skip
    _rule(figure, 0.941)
    sentence = delay_sentence(found) + " " + summary_sentence(found) if found.measured else ""
    if sentence:
        for sign in (" ± ", " %"):
            sentence = sentence.replace(sign, sign.replace(" ", "\N{NO-BREAK SPACE}"))
        figure.text(_LEFT, 0.937, textwrap.fill(sentence, _SENTENCE), fontsize=6.8, va="top",
                    linespacing=1.25)  # fmt: skip


def _rule(figure: Any, y: float) -> None:
    line = need_matplotlib().lines.Line2D([_LEFT, _RIGHT], [y, y], color=HAIR, linewidth=0.8)
    figure.add_artist(line)


def _letter(figure: Any, letter: str, title: str, y: float, x: float = _LEFT) -> None:
    figure.text(x, y, letter, fontsize=10, weight="bold", va="center")
    figure.text(x + 0.022, y, title, fontsize=8, va="center")


def _curve_title(found: MuscleAnalysis) -> str:
    late = found.comparison.late_ms
    more = (
        f"; measured curves shifted by {number(late, '.0f')} ms" if found.measured and late else ""
    )
    return f"Activity of each muscle (0 at rest, 1 strong{more}); bands are movements"


def _movement_list(figure: Any, found: MuscleAnalysis, y: float) -> None:
    """The numbers above the bands, with their names."""
    moves = found.comparison.movements
    if all(move.found for move in moves):
        listed = f"{len(moves)} movements were found in the curves." if moves else "No movement."
        figure.text(_LEFT, y, listed, fontsize=5.6, color=FAINT, va="top")
        return
    lines = textwrap.wrap("   ".join(numbered(moves)), 178, max_lines=2, placeholder=" …")
    figure.text(_LEFT, y, "\n".join(lines), fontsize=5.6, color=FAINT, va="top", linespacing=1.35)


def _side_key(figure: Any, right: float, y: float) -> None:
    for side, x in (("left", right - 0.045), ("right", right)):
        figure.text(x, y, side, color=SIDE_COLOURS[side], fontsize=7.5, weight="bold", ha="right",
                    va="center")  # fmt: skip


def caption(found: MuscleAnalysis) -> str:
    """What the page shows, as the caption of a figure in a paper."""
    facts = caption_facts(found)
    choices = dict(found.about.get("choices") or {})
    text = (
        f"Activity predicted frame by frame from the expression by {facts['model']} "
        f"(n = {facts['frames']} frames of the film). "
    )
    if found.measured is not None:
        text += (
            "(a) Line: prediction times the gain that fits each muscle best (least squares); area: "
            "envelope of the surface EMG. (b) Means over the movements with these numbers. "
            "(c) Per muscle and side: Spearman's ρ, symmetric mean absolute percentage error of "
            "the envelopes (0 to 200 %), root mean square error with the gain, and "
            "electro-mechanical delay (dashed: common to all); hollow: the muscle was not measured "
            "to act. The delay runs from a muscle's signal to the movement of the skin; it is not "
            "the offset of the clocks, between the film's time and the recording's. "
            "(d) Asymmetry of the mean activity while a muscle acts; red: predicted, "
            f"grey: measured. Intervals: 95 %, block bootstrap, {choices.get('draws', 1000)} draws."
        )
    else:
        text += (
            "(a) Prediction, without a gain. (b) Means over the movements with these numbers. "
            "(c) Means over all movements. (d) Asymmetry of the mean activity while a muscle acts, "
            f"95 % intervals by block bootstrap, {choices.get('draws', 1000)} draws."
        )
    return text


def _caption(figure: Any, found: MuscleAnalysis) -> None:
    _rule(figure, 0.097)
    body = textwrap.wrap(caption(found), _LINE + 18)
    left_out = [row for row in found.comparison.left_out if row.frames == 0]
    lost = sum(row.frames for row in found.comparison.left_out if row.what == "frames")
    words = []
    if lost:
        words.append(f"{lost} frames do not count (gaps, or outside of the recording)")
    if left_out:
        words.append(f"left out: {', '.join(row.what for row in left_out[:8])}"
                     + (" and more" if len(left_out) > 8 else ""))  # fmt: skip
    if words:
        text = "; ".join(words)
        body += textwrap.wrap(f"{text[0].upper()}{text[1:]}.", _LINE + 18)[:2]
    body += textwrap.wrap(_footer(found), _LINE + 18)[:2]
    figure.text(_LEFT, 0.09, "\n".join(body), fontsize=6, color=INK, va="top", linespacing=1.4)


def _footer(found: MuscleAnalysis) -> str:
    by = dict(found.about.get("predicted_by") or {})
    parts_ = [f"Model {by.get('model', 'unknown')}"]
    if by.get("model_sha256"):
        parts_[0] += f" (sha256 {str(by['model_sha256'])[:12]})"
    if found.about.get("space"):
        parts_.append(f"track in {found.about['space']}")
    if found.clock is not None:
        parts_.append(found.clock.sentence.rstrip("."))
    parts_.append(f"made with {found.about.get('software', 'eifer')}")
    return "; ".join(parts_) + "."
