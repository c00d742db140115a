"""The report as one HTML file: text, tables and figures inside, nothing from outside, no script."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import muscle_page_parts as parts
from .figures import STYLE, in_words, need_matplotlib, new_figure
from .files import atomic_path
from .muscle_analysis_files import sides_of
from .muscle_analysis_sides import WHOLE
from .muscle_analysis_words import (
    between,
    caption_facts,
    delay_sentence,
    number,
    numbered,
    summary_sentence,
)

if TYPE_CHECKING:
    from .muscle_analysis import MuscleAnalysis

_DPI = 220
_CSS = """
:root { color-scheme: light; }
body { font: 15px/1.5 "DejaVu Sans", "Segoe UI", Helvetica, Arial, sans-serif; color: #222;
  background: #fff; max-width: 60rem; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p.file { color: #666; margin: 0 0 1rem; } p.lead { max-width: 48rem; }
.simulated { background: #f3d08a; border-radius: .4rem; padding: .15rem .6rem; }
figure { margin: 1rem 0 1.5rem; break-inside: avoid; } figure img { width: 100%; height: auto; }
figcaption { font-size: .85rem; color: #444; }
table { border-collapse: collapse; font-size: .82rem; font-variant-numeric: tabular-nums;
  width: 100%; } caption { text-align: left; font-size: .85rem; color: #444; padding: .3rem 0; }
th, td { padding: .18rem .5rem; text-align: right; border-bottom: 1px solid #e4e4e4; }
th { border-bottom: 1.5px solid #222; font-weight: 600; vertical-align: bottom; }
th.t, td.t { text-align: left; } tr.quiet td { color: #8a8a8a; } span.ci { color: #767676; }
thead { display: table-header-group; } tr { break-inside: avoid; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; font-size: .85rem; }
dt { color: #666; } dd { margin: 0; overflow-wrap: anywhere; }
@page { size: A4; margin: 16mm 14mm; }
@media print { body { max-width: none; margin: 0; padding: 0; font-size: 10pt; }
  h2 { break-after: avoid; } a { color: inherit; text-decoration: none; } }
"""
_METHOD = (
    "Activity is 0 at rest and 1 when a muscle is strongly active. The prediction is fitted to "
    "each muscle by one gain (least squares through rest), because a film knows no microvolts; MSE "
    "and RMS are errors of the fitted prediction. SMAPE is the mean of 200 |p \N{MINUS SIGN} m| / "
    "(|p| + |m|) over the envelopes with their rest level. ρ is Spearman's rank correlation. The "
    "electro-mechanical delay is the shift at which the slopes of both curves correlate best, per "
    "muscle; the common one is a weighted median. Onsets and offsets are where a curve passes a "
    "fifth of its height in a movement. Asymmetry is 100 (L \N{MINUS SIGN} R) / (L + R) of the "
    "mean activity while the muscle acts; measured sides are compared in the recording's unit. "
    "Intervals hold 95 % of the draws of a block bootstrap over time."
)
_SOURCES = (
    "T. Büchner, C. Anders, O. Guntinas-Lichius, J. Denzler: Electromyography-Informed Facial "
    "Expression Reconstruction for Physiological-Based Synthesis and Analysis. CVPR 2025.",
    "A. J. Fridlund, J. T. Cacioppo: Guidelines for human electromyographic research. "
    "Psychophysiology 23 (1986), 567–589.",
    "H. R. Künsch: The jackknife and the bootstrap for general stationary observations. Annals of "
    "Statistics 17 (1989), 1217–1241.",
    "M. Naeije, R. S. McCarroll, W. A. Weijs: Electromyographic activity of the human masticatory "
    "muscles during submaximal clenching. Journal of Oral Rehabilitation 16 (1989), 63–70.",
)


def write_html(path: str | Path, found: MuscleAnalysis, *, overwrite: bool = True) -> Path:
    """Write the report as a self-contained HTML file for the screen and for A4 paper.

    Raises
    ------
    EiferError
        When matplotlib is missing or the file cannot be written.
    """
    text = to_html(found)
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def to_html(found: MuscleAnalysis) -> str:
    """The report as text."""
    beside = " and from electrodes" if found.measured is not None else ""
    title = f"Muscle activity from the face{beside}"
    facts = caption_facts(found)
    body = [f"<h1>{_t(title)}</h1>", f'<p class="file">{_t(_file_line(found))}</p>']
    if facts["simulated"]:
        body.append('<p><span class="simulated">Simulated, not measured on a person</span></p>')
    if found.measured is not None:
        lead = f"{delay_sentence(found)} {summary_sentence(found)}"
        body.append(f'<p class="lead">{_t(lead)}</p>')
    body += [*_figures(found), *_tables(found), *_about(found)]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_t(title)}: {_t(found.name)}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _t(text: Any) -> str:
    return html.escape(str(text))


def _file_line(found: MuscleAnalysis) -> str:
    paired = found.comparison.paired
    line = f"{found.name}, {len(paired.times)} frames at {paired.rate_hz:.4g} Hz"
    recording = found.about.get("recording") if found.measured is not None else None
    return f"{line}; {recording}" if recording else line


def _figures(found: MuscleAnalysis) -> Iterable[str]:
    """Each part of the page as a picture of its own, large enough to read."""
    n = len(found.comparison.paired.times)
    moves = found.comparison.movements
    listed = "; ".join(numbered(moves))
    line = (
        "Line: predicted from the face, with the gain of each muscle; area: envelope of the "
        "surface EMG"
        if found.measured is not None
        else "Predicted from the face"
    )
    yield _figure(
        found, (8.27, 5.6), _draw_curves, "Curves of predicted and measured muscle activity",
        f"Activity of each muscle, n = {n} frames. {line}. Bands: {listed or 'no movement'}.",
    )  # fmt: skip
    if moves:
        tall = 2.7 if found.measured is not None else 1.5
        yield _figure(
            found, (8.27, tall), _draw_faces, "Muscle activity as maps of the face",
            "Mean activity in the strongest movements, at the electrodes and interpolated between "
            "them; the subject's right is at the left.",
        )  # fmt: skip
    if found.measured is not None:
        yield _figure(
            found, (8.27, 3.2), _draw_scores, "Agreement of each muscle",
            "Agreement of each muscle with 95 % intervals; blue: left, orange: right, hollow: the "
            "muscle was not measured to act, dashed: the common delay.",
        )  # fmt: skip
    elif moves:
        yield _figure(found, (8.27, 3.2), _draw_matrix, "Mean activity by movement and muscle",
                      "Mean predicted activity by movement.")  # fmt: skip
    if any(row.movement == WHOLE for row in found.comparison.asymmetries):
        grey = ", grey: measured" if found.measured is not None else ""
        yield _figure(found, (5.2, 2.9), _draw_sides, "Left against right",
                      f"Asymmetry while a muscle acts, with 95 % intervals; red: predicted{grey}."
                      )  # fmt: skip


def _draw_curves(figure: Any, found: MuscleAnalysis, size: tuple[float, float]) -> None:
    parts.draw_curves(figure, found, (0.165, 0.075, 0.775, 0.80), size[1])
    parts.draw_key(figure, found, 0.165, 0.965)


def _draw_faces(figure: Any, found: MuscleAnalysis, size: tuple[float, float]) -> None:
    parts.draw_faces(figure, found, (0.05, 0.02, 0.87, 0.88), size)


def _draw_scores(figure: Any, found: MuscleAnalysis, _size: tuple[float, float]) -> None:
    parts.draw_scores(figure, found, (0.165, 0.13, 0.815, 0.85))


def _draw_matrix(figure: Any, found: MuscleAnalysis, _size: tuple[float, float]) -> None:
    parts.draw_matrix(figure, found, (0.165, 0.24, 0.77, 0.74))


def _draw_sides(figure: Any, found: MuscleAnalysis, _size: tuple[float, float]) -> None:
    parts.draw_sides_of(figure, found, (0.26, 0.14, 0.71, 0.80))


def _figure(
    found: MuscleAnalysis, size: tuple[float, float], draw: Any, title: str, caption: str
) -> str:
    mpl = need_matplotlib()
    buffer = io.BytesIO()
    with mpl.rc_context(dict(STYLE)):
        figure = new_figure(*size, _DPI, facecolor="white")
        draw(figure, found, size)
        figure.savefig(buffer, format="png", dpi=_DPI)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return (
        f'<figure><img alt="{_t(title)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{_t(caption)}</figcaption></figure>"
    )


def _tables(found: MuscleAnalysis) -> Iterable[str]:
    if found.measured is not None:
        yield "<h2>Agreement by muscle</h2>"
        yield _score_table(found)
        yield "<h2>Movements</h2>"
        yield _movement_table(found)
    yield "<h2>Left against right</h2>"
    yield _side_table(found)
    if found.comparison.left_out:
        yield "<h2>What does not count</h2>"
        rows = [(row.what.replace("_", " "), row.why, row.frames or "") for row in
                found.comparison.left_out]  # fmt: skip
        yield _table("Muscles, channels and frames that were left out.",
                     ("what", "why", "frames"), rows, texts=2)  # fmt: skip


def _table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[Any]], *, texts: int = 1,
    quiet: Sequence[bool] = (),
) -> str:  # fmt: skip
    """A table; cells that begin with ``<`` are given as they are."""

    def line(cells: Sequence[Any], tag: str, more: str = "") -> str:
        made = []
        for k, cell in enumerate(cells):
            kind = ' class="t"' if k < texts else ""
            text = str(cell) if str(cell).startswith("<span") else _t(cell)
            made.append(f"<{tag}{kind}>{text}</{tag}>")
        return f"<tr{more}>{''.join(made)}</tr>"

    lines = [
        line(row, "td", ' class="quiet"' if k < len(quiet) and quiet[k] else "")
        for k, row in enumerate(rows)
    ]
    head = line(heads, "th")
    return (
        f"<table><caption>{_t(caption)}</caption><thead>{head}</thead>"
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def _ci(value: float | None, bounds: tuple[float, float] | None, form: str = ".2f") -> str:
    """A value with its interval."""
    more = f' <span class="ci">{_t(between(bounds, form))}</span>' if bounds is not None else ""
    return f"<span>{_t(number(value, form))}</span>{more}"


def _score_table(found: MuscleAnalysis) -> str:
    unit = found.unit or "activity"
    delays = found.comparison.delays
    by_muscle = {d.muscle: d for d in delays.muscles} if delays is not None else {}
    rows, quiet = [], []
    for score in found.comparison.scores:
        stem, side = sides_of(score.muscle)
        delay = by_muscle.get(score.muscle)
        told = (
            "–" if delay is None or not delay.reliable else _ci(delay.ms, delay.interval_ms, ".0f")
        )
        rms = score.rms_unit if found.unit else score.rms
        rows.append((
            in_words(stem), side, score.n, _ci(score.rho, score.rho_interval),
            _ci(score.smape, score.smape_interval, ".1f"), number(rms, ".3g"),
            number(score.mse, ".4f"), number(score.mse_as_predicted, ".4f"),
            number(score.gain), told,
        ))  # fmt: skip
        quiet.append(not score.acted)
    heads = ("muscle", "side", "n", "ρ", "SMAPE (%)", f"RMS ({unit})", "MSE", "MSE, no gain",
             "gain", "delay (ms)")  # fmt: skip
    return _table(
        "Grey: the muscle was not measured to act, so its correlation is one of noise. Brackets: "
        "95 % intervals.", heads, rows, texts=2, quiet=quiet,
    )  # fmt: skip


def _movement_table(found: MuscleAnalysis) -> str:
    """Muscles that acted in each movement."""
    rows = []
    for row in found.comparison.courses:
        if row.measured_course is None:
            continue
        stem, side = sides_of(row.muscle)
        rows.append((
            row.movement, in_words(stem), side, row.n, number(row.predicted), number(row.measured),
            number(row.rho), number(row.smape, ".1f"), number(row.rms, ".3f"),
            number(row.measured_course.onset_s), number(row.onset_error_ms, ".0f"),
            number(row.apex_error_ms, ".0f"), number(row.offset_error_ms, ".0f"),
        ))  # fmt: skip
    heads = ("movement", "muscle", "side", "n", "predicted", "measured", "ρ", "SMAPE (%)", "RMS",
             "onset (s)", "onset error (ms)", "apex error", "offset error")  # fmt: skip
    return _table(
        "Muscles that were measured to act in each movement: mean activity, agreement over the "
        "movement with half a second around it, and how much later the prediction begins, peaks "
        "and ends once the common delay is taken off.", heads, rows, texts=3,
    )  # fmt: skip


def _side_table(found: MuscleAnalysis) -> str:
    rows = []
    for row in found.comparison.asymmetries:
        where = "whole film" if row.movement == WHOLE else row.movement
        cells: list[Any] = [in_words(row.muscle), where, row.n,
                            _ci(row.predicted, row.predicted_interval, "+.0f")]  # fmt: skip
        if found.measured is not None:
            cells.append(_ci(row.measured, row.measured_interval, "+.0f"))
        rows.append(cells)
    heads = ["muscle", "movement", "n", "predicted (%)"]
    heads += ["measured (%)"] if found.measured is not None else []
    return _table("100 (L \N{MINUS SIGN} R) / (L + R): positive where the left side is stronger.",
                  heads, rows, texts=2)  # fmt: skip


def _about(found: MuscleAnalysis) -> Iterable[str]:
    yield "<h2>Method</h2>"
    yield f"<p>{_t(_METHOD)}</p>"
    yield from (f"<p>{_t(note)}</p>" for note in found.notes)
    yield "<h2>Where it comes from</h2>"
    yield f"<dl>{''.join(_facts(found))}</dl>"
    yield "<h2>References</h2>"
    yield "<ol>" + "".join(f"<li>{_t(source)}</li>" for source in _SOURCES) + "</ol>"


def _facts(found: MuscleAnalysis) -> Iterable[str]:
    by = dict(found.about.get("predicted_by") or {})
    filters = found.measured.filters if found.measured is not None else ()
    facts = {
        "film": found.name, "expression space": found.about.get("space"),
        "model": by.get("model"), "model's sha256": by.get("model_sha256"),
        "recording": found.about.get("recording") if found.measured is not None else None,
        "recording's sha256": found.about.get("recording_sha256"),
        "filters": "; ".join(str(step) for step in filters) or None,
        "choices": ", ".join(f"{k} {v}" for k, v in dict(found.about.get("choices") or {}).items()),
        "software": found.about.get("software"),
    }  # fmt: skip
    return (f"<dt>{_t(key)}</dt><dd>{_t(value)}</dd>" for key, value in facts.items() if value)
