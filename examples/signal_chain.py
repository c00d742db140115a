"""Draw what each step of the chain does to one channel, for docs/signals.md.

The channel is simulated, with its hum, drift and movement, so that the true activity is known.
Run it with::

    python examples/signal_chain.py [signal_chain.png]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy import signal

from eifer.eifer_addon.figures import (
    FAINT,
    HAIR,
    INK,
    LEFT,
    MIDDLE,
    RIGHT,
    STYLE,
    WARNING,
    need_matplotlib,
    new_figure,
)
from eifer.eifer_addon.signals.convert import filtered_envelopes
from eifer.eifer_addon.signals.filters import find_mains
from eifer.eifer_addon.signals.presets import PRESETS
from eifer.eifer_addon.signals.recording import Recording
from eifer.eifer_addon.signals.zero_phase import ZeroPhase
from eifer.models.synthetic.physiology import simulate_recording

RATE, SEED, MUSCLE = 4096.0, 4, "depressor_supercilii.right"
SHOWN_S = (6.6, 11.6)
COLOURS = {"clinical": LEFT, "live": RIGHT, "rms100": MIDDLE, "mam": WARNING}
DASHES = {"clinical": "-", "live": "-", "rms100": (0, (3, 1)), "mam": (0, (5, 1.5))}


def figure() -> Any:
    """Four panels: as recorded, filtered, envelopes, spectra."""
    recording, truth = simulate_recording(20.0, RATE, seed=SEED)
    index = truth.muscles.index(MUSCLE)
    raw = recording.channel(index)
    mains = find_mains(raw[None], RATE)
    band = PRESETS["clinical"].band(RATE, mains)
    clean = ZeroPhase(len(raw), RATE, band, np.float64, mains)(raw - raw.mean())
    drawn = new_figure(7.2, 6.4, 200, facecolor="white")
    grid = drawn.add_gridspec(4, 1, height_ratios=(1, 1, 1.6, 1.4), hspace=0.5,
                              left=0.09, right=0.97, top=0.955, bottom=0.07)  # fmt: skip
    axes = [drawn.add_subplot(cell) for cell in grid]
    trace(axes[0], raw, "a   As recorded: hum, drift and movement over the EMG (simulated)")
    listed = " and ".join(f"{f:g}" for f in mains)
    trace(axes[1], clean, f"b   Band-passed 20-450 Hz, notched at {listed} Hz")
    envelopes(axes[2], recording, index, truth.column(MUSCLE), truth.rate_hz)
    spectra(axes[3], raw, clean)
    return drawn


def trace(axes: Any, samples: np.ndarray, title: str) -> None:
    """One raw signal."""
    start, stop = (round(s * RATE) for s in SHOWN_S)
    times = np.arange(start, stop) / RATE
    axes.plot(times, samples[start:stop], color=INK, linewidth=0.25)
    axes.set_xlim(*SHOWN_S)
    axes.set_ylabel("µV")
    tidy(axes, title)
    axes.tick_params(labelbottom=False)


def envelopes(
    axes: Any, recording: Recording, index: int, truth: np.ndarray, truth_rate: float
) -> None:
    """The presets' envelopes, each scaled to fit the true activity best."""
    times = np.arange(round(20.0 * 200)) / 200.0
    true = np.interp(times, np.arange(len(truth)) / truth_rate, truth)
    axes.fill_between(times, 0, true, color=HAIR, linewidth=0, label="true activity")
    for name, preset in PRESETS.items():
        columns, _, delay_ms = filtered_envelopes(recording, [index], times, preset)
        values = columns[:, 0] - np.percentile(columns[:, 0], 10)
        values *= (true @ values) / (values @ values)
        label = f"{name}, {delay_ms:.0f} ms late" if delay_ms else f"{name}, in time"
        axes.plot(times, values, color=COLOURS[name], linestyle=DASHES[name], linewidth=1.1,
                  label=label)  # fmt: skip
    axes.set_xlim(*SHOWN_S)
    axes.set_ylim(-0.05, 1.75)
    axes.set_xlabel("time (s)", labelpad=1)
    axes.set_ylabel("activity")
    axes.legend(frameon=False, loc="upper right", fontsize=6.2, ncols=5, handlelength=1.6,
                columnspacing=1.2, borderaxespad=0)  # fmt: skip
    tidy(axes, "c   Envelopes of the presets; those without a delay look both ways in time")


def spectra(axes: Any, raw: np.ndarray, clean: np.ndarray) -> None:
    """Power density before and after the filters."""
    lines = ((raw, FAINT, "as recorded", 6), (clean, LEFT, "filtered", -14))
    for samples, colour, label, lift in lines:
        frequencies, power = signal.welch(samples, RATE, nperseg=8192)
        axes.semilogy(frequencies, power, color=colour, linewidth=0.7)
        at = np.argmin(np.abs(frequencies - 560))
        axes.annotate(label, (frequencies[at], power[at]), (0, lift), color=colour, ha="center",
                      textcoords="offset points")  # fmt: skip
    axes.set_xlim(0, 800)
    axes.set_ylim(1e-7, 1e4)
    axes.set_xlabel("frequency (Hz)", labelpad=1)
    axes.set_ylabel("µV²/Hz")
    tidy(axes, "d   Spectra: the notches take the hum and leave the EMG beside it")


def tidy(axes: Any, title: str) -> None:
    """The house's looks."""
    axes.set_title(title, loc="left", fontsize=7.5, pad=5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def main(target: str = "signal_chain.png") -> None:
    with need_matplotlib().rc_context(dict(STYLE)):
        drawn = figure()
        drawn.savefig(target, dpi=200)
    print(Path(target).resolve())


if __name__ == "__main__":
    main(*sys.argv[1:2])
