"""The figures of docs/simulator.md; drawn by bench_simulated.py."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from scipy import signal

mpl.use("Agg")

from matplotlib import pyplot as plt

from eifer.models.synthetic.face_muscles import muscle_names
from eifer.models.synthetic.mmm_writer import mmm_envelopes
from eifer.models.synthetic.movements import Performance, steps
from eifer.models.synthetic.muscle_emg import RAW_HZ, electrode_signals, wear
from eifer.models.synthetic.session import SimulatedClip
from eifer.models.synthetic.subject import draw_subject, generator

COLOURS = ("#1b6ca8", "#c8553d", "#588157", "#7b5ea7")
SHOWN = ("zygomaticus.left", "orbicularis_oculi.left", "frontalis_lateralis.left")
COEFFICIENTS = ("mouthSmileLeft", "cheekSquintLeft", "browOuterUpLeft")
MEASURED = ("frontalis_lateralis", "corrugator", "levator_labii", "zygomaticus", "mentalis",
            "masseter")  # fmt: skip


def draw_clip(clip: SimulatedClip, path: Path) -> None:
    """One smile: effort, raw EMG of two pairs, envelopes by MMM's chain, and the face."""
    figure, axes = plt.subplots(5, 1, figsize=(8, 8.4), sharex=True, constrained_layout=True,
                                height_ratios=(1, 1, 1, 1, 1))  # fmt: skip
    for name, colour in zip(SHOWN, COLOURS, strict=False):
        axes[0].plot(clip.drive.timestamps, clip.drive.column(name), color=colour, label=name)
    axes[0].set_ylabel("effort")
    raw = clip.raw["fridlund"]
    band = signal.butter(4, (20, 450), "bandpass", fs=RAW_HZ, output="sos")
    time = np.arange(raw.n_samples) / RAW_HZ
    for axis, name, colour in ((axes[1], SHOWN[0], COLOURS[0]), (axes[2], SHOWN[2], COLOURS[2])):
        k = clip.drive.muscles.index(name)
        pair = raw.channel(2 * k) - raw.channel(2 * k + 1)
        axis.plot(time, signal.sosfiltfilt(band, pair), color=colour, lw=0.4)
        axis.set_ylabel(f"{name.split('.')[0]}\nµV, 20–450 Hz", fontsize=8)
    envelopes = mmm_envelopes(raw, len(clip))
    for name, colour in zip(SHOWN, COLOURS, strict=False):
        axes[3].plot(clip.track.timestamps, envelopes[name], color=colour)
    axes[3].set_ylabel("envelope, µV\n(MMM's chain)", fontsize=8)
    for name, colour in zip(COEFFICIENTS, COLOURS, strict=False):
        axes[4].plot(clip.track.timestamps, clip.track.column(name), color=colour, label=name)
    axes[4].set_ylabel("coefficient")
    axes[4].set_xlabel("s")
    for axis in (axes[0], axes[4]):
        axis.legend(frameon=False, fontsize=8, loc="upper left")
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_statistics(path: Path) -> None:
    """Spectra of single muscles at full effort, and what other pairs see of them by distance."""
    subject = draw_subject(21, 0)
    places = wear(subject, "1S").montage.places_mm
    middles = (places[0:44:2] + places[1:44:2]) / 2
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), constrained_layout=True)
    for number, muscle in enumerate(MEASURED):
        k = muscle_names().index(f"{muscle}.left")
        drive = np.zeros((len(steps(90)), len(muscle_names())))
        drive[:, k] = 1.0
        performance = Performance(drive, 90, (), np.zeros(len(drive)))
        single = electrode_signals(subject, "1S", performance, generator(0, muscle))
        pairs = single[0:44:2] - single[1:44:2]
        frequency, power = signal.welch(pairs[k], RAW_HZ, nperseg=1024)
        colour = plt.get_cmap("tab10")(number)
        left.plot(frequency, power / power.max(), color=colour, lw=1.2, label=muscle)
        others = np.arange(len(pairs)) != k
        gap = np.linalg.norm(middles[others] - middles[k], axis=1)
        share = pairs[others].std(axis=1) / pairs[k].std()
        right.semilogy(gap, np.maximum(share, 1e-4), "o", ms=3.5, color=colour)
    left.set(xlim=(0, 600), xlabel="Hz", ylabel="power, largest = 1")
    left.legend(frameon=False, fontsize=8)
    right.set(xlabel="distance of the pairs on the head, mm", ylabel="amplitude, own pair = 1")
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)
