"""The one-page report: what was imported, what was done with it, what came out.

A picture that can go into a lab book: import and mapping, filter chain, quality hints, an
excerpt as recorded, every muscle's envelope, the coefficients, and where it all came from.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .activity_panel import envelope_panel
from .errors import EiferError
from .figures import (
    FAINT,
    HAIR,
    INK,
    MIDDLE,
    SIDE_COLOURS,
    STYLE,
    WARNING,
    in_words,
    is_simulated,
    muscle_rows,
    need_matplotlib,
    new_figure,
    pool_columns,
    round_below,
    thin,
)
from .files import atomic_path
from .signals.activity import Activity
from .signals.pairs import with_pairs
from .signals.recording import Recording
from .track import ExpressionTrack

__all__ = ["envelope_panel", "write_report"]

_WIDTH_IN, _HEIGHT_IN, _DPI = 8.27, 11.69, 170
_LEFT, _RIGHT = 0.17, 0.86
_EXCERPT_S, _EXCERPT_CHANNELS = 2.0, 3
_MOST_COEFFICIENTS, _LEAST_MOVEMENT = 34, 0.05
_MOST_EVENT_LABELS = 14
#: Rows of the heat map from the brow to the chin.
_REGIONS = ("brow", "eye", "cheek", "nose", "mouth", "jaw", "tongue")


@dataclass(frozen=True)
class _Page:
    figure: Any
    recording: Recording
    activity: Activity
    track: ExpressionTrack
    hints: tuple[str, ...]

    @property
    def simulated(self) -> bool:
        return is_simulated(self.recording.source, self.activity.source, self.track.provenance)

    @property
    def span_s(self) -> tuple[float, float]:
        times = self.activity.timestamps
        return float(times[0]), float(times[-1])


def write_report(
    path: str | Path,
    recording: Recording,
    activity: Activity,
    track: ExpressionTrack,
    *,
    still: np.ndarray | None = None,
    hints: Sequence[str] = (),
    overwrite: bool = True,
) -> Path:
    """Write the report of one take as a PNG of an A4 page.

    Parameters
    ----------
    path : path-like
        A ``.png`` file.
    recording, activity, track
        The three steps of the take.
    still : numpy.ndarray, optional
        A picture of the face, uint8 (height, width, 3 or 4).
    hints : sequence of str
        What the quality check found, a sentence each.
    overwrite : bool
        When False, an existing file is an error and stays as it is.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    EiferError
        When matplotlib is missing, there is nothing to draw, or the file cannot be written.
    """
    if len(activity) < 2 or len(track) < 2:
        raise EiferError("A report needs at least two frames.", "Use a longer recording.")
    mpl = need_matplotlib()
    with mpl.rc_context(dict(STYLE)):
        figure = new_figure(_WIDTH_IN, _HEIGHT_IN, _DPI, facecolor="white")
        page = _Page(figure, recording, activity, track, _all_hints(recording, activity, hints))
        _header(page)
        _facts(page, 0.83 if still is not None else 0.97)
        if still is not None:
            axes = figure.add_axes((0.745, 0.785, 0.205, 0.145))
            axes.imshow(still, interpolation="antialiased")
            axes.set_axis_off()
        _excerpt(page, (_LEFT, 0.68, _RIGHT - _LEFT, 0.08))
        _envelopes(page, (_LEFT, 0.36, _RIGHT - _LEFT, 0.238))
        _coefficients(page, (_LEFT, 0.085, _RIGHT - _LEFT, 0.24))
        _footer(page)
        final = Path(path)
        with atomic_path(final, overwrite=overwrite) as temporary:
            figure.savefig(temporary, format="png", dpi=_DPI)
    return final


def _all_hints(recording: Recording, activity: Activity, hints: Sequence[str]) -> tuple[str, ...]:
    notes = [*activity.remarks, *map(str, recording.source.get("notes", ()))]
    if activity.unmapped:
        notes.append(f"Not mapped to a muscle: {', '.join(activity.unmapped)}.")
    return tuple(dict.fromkeys([*hints, *notes]))


def _header(page: _Page) -> None:
    figure = page.figure
    figure.text(0.05, 0.965, "From facial EMG to expression", fontsize=13, weight="bold")
    name = Path(str(page.recording.source.get("file") or "recording in memory")).name
    figure.text(0.05, 0.949, name, fontsize=8.5, color=FAINT)
    if page.simulated:
        figure.text(
            0.95, 0.966, "Simulated recording, not measured on a person", fontsize=8.5,
            ha="right", va="center", color=INK,
            bbox={"boxstyle": "round,pad=0.45", "facecolor": WARNING, "edgecolor": "none",
                  "alpha": 0.55},
        )  # fmt: skip
    figure.add_artist(_line(0.94))


def _line(height: float) -> Any:
    return need_matplotlib().lines.Line2D([0.05, 0.95], [height, height], color=HAIR, linewidth=0.8)


def _facts(page: _Page, right: float) -> None:
    recording, activity = page.recording, page.activity
    kind = "envelopes" if recording.holds_envelope else "raw EMG"
    imported = [
        f"{len(recording.channels)} channels, {len(set(activity.channels))} mapped",
        f"{len(activity.muscles)} muscles",
        f"{recording.rate_hz:g} Hz, {recording.duration_s:.2f} s, {kind}",
        f"{len(recording.events)} events",
        f"format {recording.source.get('format', 'unknown')}",
    ]
    columns = (
        ("Imported", imported),
        ("Filter chain", [f"{k}. {step}" for k, step in enumerate(activity.steps, 1)]),
        ("Quality hints", list(page.hints) or ["none"]),
    )
    starts = np.array([0.05, 0.27, 0.53]) if right < 0.9 else np.array([0.05, 0.36, 0.67])
    for (title, entries), x, end in zip(columns, starts, [*starts[1:], right - 0.09], strict=True):
        page.figure.text(x, 0.926, title, fontsize=8, weight="bold", va="top")
        width = int((end - x) * _WIDTH_IN * 72 / 3.9)
        wrapped = [
            line
            for entry in entries
            for line in textwrap.wrap(str(entry), width, subsequent_indent="    ")
        ]
        if len(wrapped) > 12:
            wrapped = [*wrapped[:11], f"and {len(wrapped) - 11} more lines"]
        page.figure.text(x, 0.911, "\n".join(wrapped), fontsize=6.5, va="top", linespacing=1.35)


def _panel_title(page: _Page, axes: Any, letter: str, title: str, lift: float = 0.008) -> None:
    box = axes.get_position()
    page.figure.text(0.05, box.y1 + lift, letter, fontsize=10, weight="bold", va="bottom")
    page.figure.text(0.075, box.y1 + lift, title, fontsize=8, va="bottom")


def _tidy(axes: Any, *, left: bool = False, bottom: bool = True) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_visible(left)
    axes.spines["bottom"].set_visible(bottom)
    if not left:
        axes.tick_params(left=False)
    if not bottom:
        axes.tick_params(bottom=False, labelbottom=False)


def _excerpt(page: _Page, box: tuple[float, float, float, float]) -> None:
    """Two seconds of the strongest channels, as recorded."""
    recording, activity = with_pairs(page.recording, page.activity.channels), page.activity
    columns, start_s = _strongest(activity)
    start = int(np.clip((start_s - activity.start_s) * recording.rate_hz, 0, recording.n_samples))
    stop = min(start + int(_EXCERPT_S * recording.rate_hz), recording.n_samples)
    time_s = np.arange(start, stop) / recording.rate_hz
    axes = page.figure.add_axes(box)
    places = [recording.channels.index(activity.channels[c]) for c in columns]
    traces = [t - np.median(t) for t in (recording.channel(k, start, stop) for k in places)]
    colours = {c: SIDE_COLOURS[s] for _, sides in muscle_rows(activity) for s, c in sides.items()}
    height = max(*(float(np.ptp(trace)) for trace in traces), 1e-12)
    for row, (column, place, trace) in enumerate(zip(columns, places, traces, strict=True)):
        axes.plot(
            *thin(time_s, trace / height - 1.05 * row, 6000),
            color=colours.get(column, MIDDLE), linewidth=0.45,
        )  # fmt: skip
        axes.text(-0.012, -1.05 * row, recording.channels[place], ha="right", va="center",
                  transform=axes.get_yaxis_transform())  # fmt: skip
    axes.set_xlim(time_s[0], time_s[-1])
    axes.set_yticks([])
    _tidy(axes)
    axes.set_xlabel("time (s)", labelpad=1.5)
    unit = recording.units[places[0]].replace("uV", "µV")
    size = round_below(height / 2)
    axes.plot([1.015, 1.015], [-size / height, 0], color=INK, linewidth=1.4, clip_on=False,
              transform=axes.get_yaxis_transform())  # fmt: skip
    label = f"{size:g} {unit}" if unit not in ("", "?") else f"{size:g}"
    axes.text(1.028, -size / height / 2, label, va="center",
              transform=axes.get_yaxis_transform())  # fmt: skip
    what = "envelopes" if recording.holds_envelope else "EMG"
    _panel_title(page, axes, "a", f"Excerpt of the {what} as recorded, unfiltered")


def _strongest(activity: Activity) -> tuple[list[int], float]:
    """Columns of different muscles with most to see in two seconds, and when that begins."""
    width = max(1, int(_EXCERPT_S * activity.rate_hz))
    drive = np.maximum(activity.values, 0)
    total = np.concatenate([np.zeros((1, drive.shape[1])), np.cumsum(drive, axis=0)])
    window = total[min(width, len(drive)) :] - total[: len(total) - min(width, len(drive))]
    first = int(np.argmax(np.sort(window, axis=1)[:, -2 * _EXCERPT_CHANNELS :].sum(axis=1)))
    chosen: list[int] = []
    for column in np.argsort(-window[first], kind="stable"):
        stem = activity.muscles[column].rpartition(".")[0]
        channel = activity.channels[column]
        if all(
            activity.muscles[c].rpartition(".")[0] != stem and activity.channels[c] != channel
            for c in chosen
        ):
            chosen.append(int(column))
    return chosen[:_EXCERPT_CHANNELS], activity.start_s + first / activity.rate_hz


def _envelopes(page: _Page, box: tuple[float, float, float, float]) -> None:
    activity = page.activity
    axes = page.figure.add_axes(box)
    rows = muscle_rows(activity)
    top = max(1.25, float(np.percentile(activity.values, 99.8)))
    for row, (muscle, columns) in enumerate(rows):
        axes.axhline(-row, color=HAIR, linewidth=0.5, zorder=1)
        for side, column in columns.items():
            time_s, values = thin(activity.timestamps, activity.values[:, column], 2400)
            curve = np.clip(values, -0.1, top) / top * 0.92 - row
            colour = SIDE_COLOURS.get(side, INK)
            shade = colour if len(columns) == 1 else INK  # two colours over each other are mud
            axes.fill_between(time_s, -row, curve, color=shade, alpha=0.07, linewidth=0, zorder=2)
            axes.plot(time_s, curve, color=colour, linewidth=0.7, zorder=3)
        axes.text(-0.012, 0.3 - row, in_words(muscle), ha="right", va="center",
                  transform=axes.get_yaxis_transform())  # fmt: skip
        _channel_names(axes, activity, columns, 0.3 - row)
    axes.set_ylim(-len(rows) + 0.9, 1.0)
    axes.set_xlim(*page.span_s)
    axes.set_yticks([])
    _tidy(axes)
    axes.tick_params(labelbottom=False)
    _event_labels(page, axes)
    cut = f"; cut at {top:.1f}" if float(activity.values.max()) > top else ""
    title = f"Muscle activity (0 rest, 1 strong{cut}) and the channel behind each muscle"
    _panel_title(page, axes, "b", title, lift=0.03)
    _legend(page, axes)


def _channel_names(axes: Any, activity: Activity, columns: dict[str, int], height: float) -> None:
    """The channel behind each side, in the side's colour, right of the curves."""
    for k, (side, column) in enumerate(columns.items()):
        axes.text(1.012, height + 0.24 - 0.46 * k if len(columns) > 1 else height,
                  activity.channels[column][:22], va="center", fontsize=5.3,
                  color=SIDE_COLOURS.get(side, INK),
                  transform=axes.get_yaxis_transform())  # fmt: skip


def _legend(page: _Page, axes: Any) -> None:
    height = axes.get_position().y1 + 0.03
    drawn = {side for _, columns in muscle_rows(page.activity) for side in columns}
    places = (("left", "left", 0.9), ("right", "right", 0.95), ("", "one channel for both", 0.83))
    for side, word, x in places:
        if side in drawn:
            at = 0.95 if drawn == {side} else x
            page.figure.text(at, height, word, color=SIDE_COLOURS[side], fontsize=8,
                             weight="bold", va="bottom", ha="right")  # fmt: skip


def _event_labels(page: _Page, axes: Any) -> None:
    events = page.activity.events
    start, end = page.span_s
    shown = [e for e in events if start <= e[0] <= end]
    for onset, _, duration in shown:
        if duration > 0:
            axes.axvspan(onset, onset + duration, color="#000000", alpha=0.045, linewidth=0)
        else:
            axes.axvline(onset, color="#000000", alpha=0.25, linewidth=0.5)
    if len(shown) <= _MOST_EVENT_LABELS:
        _stagger(page, axes, shown)
    elif shown:
        names = ", ".join(sorted({name for _, name, _ in events}))
        axes.text(0, 1.02, f"lines: {len(shown)} events ({names[:90]})", fontsize=5.8,
                  color=FAINT, va="bottom", transform=axes.transAxes)  # fmt: skip


def _stagger(page: _Page, axes: Any, events: Sequence[tuple[float, str, float]]) -> None:
    """Names above their events; one that would touch its neighbour moves up."""
    renderer = page.figure.canvas.get_renderer()
    placed: list[Any] = []
    for onset, name, duration in sorted(events):
        label = axes.text(onset + duration / 2, 1.015, textwrap.fill(name, 11), ha="center",
                          va="bottom", fontsize=5.6, color=FAINT, linespacing=1.0,
                          transform=axes.get_xaxis_transform())  # fmt: skip
        box = label.get_window_extent(renderer)
        level = 1.015
        while any(box.padded(1.5).overlaps(other) for other in placed) and level < 1.1:
            level += 0.022
            label.set_y(level)
            box = label.get_window_extent(renderer)
        placed.append(box)


def _coefficients(page: _Page, box: tuple[float, float, float, float]) -> None:
    track = page.track
    axes = page.figure.add_axes(box)
    rows = _moving_coefficients(track)
    values = track.coefficients[:, rows].T
    times = track.timestamps
    step = float(np.median(np.diff(times)))
    image = axes.imshow(
        pool_columns(values, 2400), aspect="auto", cmap="cividis",
        vmin=0.0 if track.space.name == "arkit52" else None,
        vmax=1.0 if track.space.name == "arkit52" else None,
        extent=(times[0], times[-1] + step, len(rows) - 0.5, -0.5),
    )  # fmt: skip
    axes.set_yticks(range(len(rows)), [track.space.coefficients[r] for r in rows], fontsize=5.6)
    axes.tick_params(left=False, pad=2)
    axes.set_xlim(*page.span_s)
    axes.set_xlabel("time (s)", labelpad=1.5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    bar_axes = page.figure.add_axes((box[0] + box[2] + 0.012, box[1], 0.011, box[3]))
    bar = page.figure.colorbar(image, cax=bar_axes)
    bar.outline.set_visible(False)
    bar.set_label("coefficient", fontsize=6.5, labelpad=3)
    still = len(track.space) - len(rows)
    _panel_title(
        page, axes, "c",
        f"Expression coefficients ({track.space.name}); {still} that stay at rest are not shown",
        lift=0.006,
    )  # fmt: skip


def _moving_coefficients(track: ExpressionTrack) -> list[int]:
    """The coefficients that move most, from the brow to the chin."""
    movement = np.ptp(track.coefficients, axis=0)
    order = np.argsort(-movement, kind="stable")[:_MOST_COEFFICIENTS]
    moving = [int(k) for k in order if movement[k] > _LEAST_MOVEMENT] or [int(order[0])]

    def place(column: int) -> tuple[int, int]:
        name = track.space.coefficients[column]
        region = next((k for k, r in enumerate(_REGIONS) if name.startswith(r)), len(_REGIONS))
        return region, column

    return sorted(moving, key=place)


def _footer(page: _Page) -> None:
    about = page.track.provenance
    source = str(about.get("source_sha256") or page.recording.source.get("sha256") or "")
    parts = [
        f"model {about.get('model', 'unknown')} (sha256 {str(about.get('model_sha256', ''))[:16]})",
        f"made with {about.get('software', 'eifer')}",
        f"source sha256 {source[:16] or 'none: not from a file'}",
        f"delay of the chain {page.activity.delay_ms:g} ms",
    ]
    missing, mirrored = about.get("missing_muscles") or (), about.get("mirrored_muscles") or ()
    if mirrored:
        parts.append(f"mirrored from the other side: {', '.join(mirrored)}")
    if missing:
        parts.append(f"muscles not recorded, at rest: {', '.join(missing)}")
    if page.simulated:
        parts.append("simulated")
    text = textwrap.fill("; ".join(parts) + ".", 165)
    page.figure.add_artist(_line(0.049))
    page.figure.text(0.05, 0.042, text, fontsize=5.8, color=FAINT, va="top", linespacing=1.35)
