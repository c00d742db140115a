"""Figures out of what `bench_live_latency` has seen: latencies by frame, tables and a picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from stamped_sender import COUNTED

from eifer.eifer_addon.live.takes import replay_journal
from eifer.eifer_addon.signals.journal_format import DATA, FRAM, Journal
from eifer.eifer_addon.spaces import ARKIT52

CONTROL, THRESHOLD = "mouthSmileLeft", 0.3


@dataclass
class Phase:
    """Blender's side of one phase: what it did, tick by tick."""

    blocked: bool
    begun_s: float = 0.0
    ended_s: float = 0.0
    cpu_percent: float = 0.0
    #: When the step had returned, the time stamp of what it set, the control's value, and how
    #: long the step took.
    ticks: list[tuple[float, float, float, float]] = field(default_factory=list)


@dataclass
class Taken:
    """A take's frames by sample.

    Attributes
    ----------
    stamps : numpy.ndarray
        float64 (n_frames,) as shared memory has them.
    numbers : numpy.ndarray
        int64 (n_frames,) which of the sender's samples each frame ends with.
    values : numpy.ndarray
        (n_frames,) the control by the offline pipeline.
    """

    stamps: np.ndarray
    numbers: np.ndarray
    values: np.ndarray


def read_take(path: Path) -> Taken:
    """Which sample each frame of a journal ends with, and what it is offline."""
    journal = Journal(path)
    times, counted = [], []
    for found in journal.of_kind(DATA):
        samples = journal.samples(found)
        times.append(samples.times)
        counted.append(journal.raw(samples)[:, -1].astype(np.int64))
    numbers = np.concatenate(counted)
    numbers = numbers[0] + np.cumsum(np.diff(numbers, prepend=numbers[0]) % COUNTED)
    stamps = np.concatenate([journal.frames(found)[1] for found in journal.of_kind(FRAM)])
    all_times = np.concatenate(times)
    period = 1.0 / journal.rate_hz
    # Times of samples increase; a frame has the time of its last sample.
    places = np.searchsorted(all_times, stamps - 0.5 * period).clip(0, len(numbers) - 1)
    offline = replay_journal(path).frames.coefficients[:, ARKIT52.coefficients.index(CONTROL)]
    return Taken(stamps, numbers[places], offline)


def first_seen(seen: np.ndarray, taken: Taken) -> np.ndarray:
    """When each frame, or a newer one, was there; NaN after the last.

    Parameters
    ----------
    seen : numpy.ndarray
        Rows of when, and the time stamp of the newest frame.
    taken : Taken
    """
    places = np.searchsorted(seen[:, 1], taken.stamps - 1e-9)
    times = np.append(seen[:, 0], np.nan)
    return times[places]


def latencies(
    phase: Phase, observed: np.ndarray, taken: Taken, pushes: np.ndarray, chunk: int
) -> dict[str, np.ndarray]:
    """All latencies of a phase in ms, by kind."""
    pushed = pushes[:, 2][np.searchsorted(pushes[:, 0], taken.numbers)]
    ticks = np.array(phase.ticks)
    inside = (pushed > phase.begun_s) & (pushed < phase.ended_s - 0.5)
    shared = first_seen(observed, taken) - pushed
    mesh = first_seen(ticks, taken) - pushed
    # Samples between two frames wait for the second one; in a chunk they came together.
    step = int(np.median(np.diff(taken.numbers)))
    waits = np.arange(step) if chunk < step else np.zeros(1)
    rate = (taken.numbers[-1] - taken.numbers[0]) / (taken.stamps[-1] - taken.stamps[0])
    sample = (shared[inside][:, None] + waits / rate).ravel()
    found = {
        "shared": shared[inside], "sample": sample, "mesh": mesh[inside],
        "step": steps_of(ticks, taken, pushed, inside), "tick": ticks[:, 3],
    }  # fmt: skip
    return {name: 1e3 * values[np.isfinite(values)] for name, values in found.items()}


def steps_of(ticks: np.ndarray, taken: Taken, pushed: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """From the frame that crosses the threshold offline to the mesh's value that does, in s."""
    up = np.flatnonzero((taken.values[1:] >= THRESHOLD) & (taken.values[:-1] < THRESHOLD)) + 1
    found, last = [], -np.inf
    for frame in up[inside[up]]:
        if pushed[frame] - last < 0.5:  # noise about the threshold is no onset
            continue
        last = pushed[frame]
        shown = ticks[(ticks[:, 1] >= taken.stamps[frame] - 1e-9) & (ticks[:, 2] >= THRESHOLD)]
        if len(shown):
            found.append(shown[0, 0] - pushed[frame])
    return np.array(found)


def loopback_of(rows: np.ndarray, pushes: np.ndarray, rate_hz: float) -> np.ndarray:
    """LSL's own latency in ms: from the push to a plain inlet."""
    start_s = pushes[0, 1] - (pushes[0, 0] + 1) / rate_hz
    numbers = np.round((rows[:, 0] - start_s) * rate_hz) - 1
    places = np.searchsorted(pushes[:, 0], numbers)
    kept = places < len(pushes)
    return np.asarray(1e3 * (rows[kept, 1] - pushes[places[kept], 2]))


def percentiles(ms: np.ndarray) -> list[float]:
    """p50, p95 and p99."""
    if not len(ms):
        return [float("nan")] * 3
    return [round(float(p), 2) for p in np.percentile(ms, (50, 95, 99))]


_LINE = "{:>8} {:>6} {:>5} {:8} {:>18} {:>18} {:>18} {:>20} {:>20} {:>5} {:>5} {:>5}"


def table(results: Iterable[dict[str, Any]]) -> str:
    """p50, p95 and p99 in ms of every case, as text."""
    lines = [_LINE.format(
        "channels", "Hz", "chunk", "Blender", "LSL alone", "shared memory", "with wait", "mesh",
        "mesh, steps", "CPU %", "lost", "load",
    )]  # fmt: skip
    for case in results:
        for name in ("free", "blocked"):
            found = case[name]
            columns = [case["lsl"], *(found[k] for k in ("shared", "sample", "mesh", "step"))]
            texts = [" / ".join(f"{p:.3g}" for p in values) for values in columns]
            lines.append(_LINE.format(
                case["channels"], f"{case['rate_hz']:g}", case["chunk"], name, *texts,
                found["cpu_percent"], case["missing"], case["load"],
            ))  # fmt: skip
    return "\n".join(lines)


def markdown(results: Iterable[dict[str, Any]]) -> str:
    """The same as a table for docs/benchmarks.md."""
    rows = [
        "| channels × Hz | chunk | LSL alone | shared memory | … Blender blocked "
        "| value on the mesh | … Blender blocked | core | lost |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for case in results:
        found = [
            case["lsl"],
            *(case[phase][kind] for kind in ("shared", "mesh") for phase in ("free", "blocked")),
        ]
        texts = [" / ".join(f"{p:.1f}" for p in values) for values in found]
        rows.append(
            f"| {case['channels']} × {case['rate_hz']:g} | {case['chunk']} | {' | '.join(texts)} "
            f"| {case['free']['cpu_percent']:.0f} % | {case['missing']} |"
        )
    return "\n".join(rows)


def picture(cases: list[dict[str, Any]], path: Path) -> None:
    """Histograms of the cases of one channel count and rate, one row per chunk length."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shown = (
        ("lsl", "LSL alone, to a plain inlet", "#9a9a9a"),
        ("free shared", "coefficients in shared memory", "#1f77b4"),
        ("free mesh", "value on the mesh, Blender free", "#2ca02c"),
        ("blocked mesh", "value on the mesh, Blender blocked 60 % of the time", "#d95f02"),
    )
    figure, axes = plt.subplots(len(cases), 1, sharex=True, figsize=(8, 2.1 * len(cases) + 0.9))
    edges = np.geomspace(0.02, 400.0, 120)
    for axis, case in zip(np.atleast_1d(axes), cases, strict=True):
        for key, label, colour in shown:
            ms = case["values"][key]
            weights = np.full(len(ms), 100.0 / max(1, len(ms)))
            axis.hist(ms, edges, weights=weights, color=colour, alpha=0.65, label=label)
            axis.axvline(np.percentile(ms, 95), color=colour, linewidth=1.2, linestyle="--")
        axis.set_xscale("log")
        axis.set_ylabel("% of frames")
        plural = "samples" if case["chunk"] > 1 else "sample"
        axis.set_title(f"the sender hands over {case['chunk']} {plural} at a time", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    first, last = np.atleast_1d(axes)[0], np.atleast_1d(axes)[-1]
    last.set_xticks([0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300])
    last.set_xticklabels(["0.03", "0.1", "0.3", "1", "3", "10", "30", "100", "300"])
    last.set_xlabel("ms after the sender handed over the last sample (dashed: 95th percentile)")
    figure.legend(*first.get_legend_handles_labels(), loc="upper center", ncols=2, fontsize=9,
                  frameon=False)  # fmt: skip
    figure.tight_layout(rect=(0, 0, 1, 1.0 - 0.6 / figure.get_figheight()))
    figure.savefig(path, dpi=110)
