"""Simulated EMG beside real EMG: spectrum, peaks, kurtosis, hum and drift; and figures of it.

Run: ``python tests/bench/bench_simulated.py [--figures docs/images]``. Each real recording is
compared with simulated channels at its own sampling rate, in the same band, by the same measures.
Real recordings are in the shared test data (EIFER_TEST_DATA, else ../shared/data).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy import signal, stats
from simulated_people import integrated_table, people_table

from eifer.eifer_addon.signals.readers import read_recording
from eifer.models.synthetic.mmm_writer import mmm_envelopes
from eifer.models.synthetic.muscle_emg import RAW_HZ
from eifer.models.synthetic.session import SimulatedClip, simulate_clip
from eifer.models.synthetic.subject import draw_subject

DATA = Path(
    os.environ.get("EIFER_TEST_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")
)
SEED = 21
TASKS = (("schaede", "Face-At-Rest"), ("schaede", "Smile-Open"), ("emotion", "angry"))
_WINDOW_S = 0.25
_LINES_HZ = (50.0, 60.0)
Row = dict[str, float]


def measures(channels: Iterable[np.ndarray], rate_hz: float) -> Row:
    """Medians over channels, (n_samples,) each, of what their strongest windows are like."""
    top = min(450.0, 0.45 * rate_hz)
    band = signal.butter(3, (20.0, top), "bandpass", fs=rate_hz, output="sos")
    rows = []
    for channel in channels:
        centred = channel - channel.mean()
        emg = signal.sosfiltfilt(band, centred)
        size = round(_WINDOW_S * rate_hz)
        windows = emg[: len(emg) // size * size].reshape(-1, size)
        level = windows.std(axis=1)
        if len(level) < 2 or level.max() <= 0:
            continue
        strong = level >= np.percentile(level, 75)
        active = windows[strong]
        clean = _without_hum(emg, rate_hz)[: windows.size].reshape(-1, size)[strong]
        frequency, power = signal.welch(active, rate_hz, nperseg=min(size, 512))
        # The hum of a session is no property of muscles.
        muscle = power.mean(axis=0) * (np.abs(frequency % 50 - 25) < 22)
        share = np.cumsum(muscle) / muscle.sum()
        slow = signal.sosfiltfilt(
            signal.butter(2, 2.0, "lowpass", fs=rate_hz, output="sos"), centred
        )
        rows.append([
            frequency[np.searchsorted(share, 0.5)],
            float((frequency * muscle).sum() / muscle.sum()),
            float(np.median(np.abs(clean).max(axis=1) / clean.std(axis=1))),
            float(np.median(stats.kurtosis(clean, axis=1))), max(_hum_shares(emg, rate_hz)),
            float(slow.std() / emg.std()),
            float(np.percentile(level, 95) / np.percentile(level, 5)),
        ])  # fmt: skip
    names = ("median_hz", "mean_hz", "crest", "kurtosis", "hum", "drift", "range")
    return dict(zip(names, np.median(rows, axis=0).tolist(), strict=True))


def _hum_shares(emg: np.ndarray, rate_hz: float) -> list[float]:
    """Part of the power in the band that lies within 1 Hz of 50, and of 60 Hz."""
    frequency, power = signal.periodogram(emg, rate_hz)
    at = [(np.abs(frequency - line) < 1).nonzero()[0] for line in _LINES_HZ]
    return [float(power[k].sum() / power.sum()) for k in at]


def _without_hum(emg: np.ndarray, rate_hz: float) -> np.ndarray:
    """Without the stronger of both lines and its harmonics: a sine has no peaks."""
    line = _LINES_HZ[int(np.argmax(_hum_shares(emg, rate_hz)))]
    for harmonic in np.arange(line, min(450.0, 0.45 * rate_hz), line):
        emg = signal.filtfilt(*signal.iirnotch(harmonic, harmonic / 3.0, rate_hz), emg)
    return emg


def clips(n_subjects: int) -> list[SimulatedClip]:
    """What is measured."""
    return [
        simulate_clip(draw_subject(SEED, k), "1S", mode, task, 1)
        for k in range(n_subjects)
        for mode, task in TASKS
    ]


def pairs_of(clip: SimulatedClip) -> np.ndarray:
    """Bipolar channels (22, n) of a clip."""
    raw = clip.raw["fridlund"].data()
    return np.asarray(raw[0::2] - raw[1::2])


def simulated_at(made: list[SimulatedClip], rate_hz: float) -> Row:
    """The measures of simulated channels whose muscle acts, at a sampling rate."""
    found = []
    for clip in made:
        pairs = pairs_of(clip)
        acting = clip.drive.values[:, : len(pairs)].max(axis=0) > 0.15
        if acting.any():
            down = signal.resample_poly(pairs[acting], round(rate_hz), round(RAW_HZ), axis=1)
            found.append(measures(down, rate_hz))
    return {name: float(np.median([row[name] for row in found])) for name in found[0]}


def real_recordings() -> dict[str, tuple[list[np.ndarray], float]]:
    """Name to channels (each (n,)) and rate of what is there."""
    found: dict[str, tuple[list[np.ndarray], float]] = {}
    for name, pattern, most in (
        ("BIDS example, face", "emg/bids_CustomBipolarFace/**/*_emg.edf", 1),
        ("BioSPPy, limb", "emg/biosppy_BSD3/emg*.txt", 2),
        ("OpenBCI, face, speech", "emg/openbci_nepali_GPL3/*.txt", 1),
        ("Somach, chin, speech", "emg/somach_CCBY4/*.csv", 24),
    ):
        for path in sorted(DATA.glob(pattern))[:most]:
            recording = read_recording(path)
            channels = found.setdefault(name, ([], recording.rate_hz))[0]
            channels += list(recording.data())
    return found


def table(made: list[SimulatedClip]) -> list[str]:
    """Lines of the table: each real recording, and below it the simulated channels."""
    head = "| recording | rate | median Hz | mean Hz | crest | kurtosis | hum | drift | range |"
    lines = [head, "|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
    rates = []
    for name, (channels, rate_hz) in real_recordings().items():
        lines.append(_line(name, rate_hz, measures(channels, rate_hz)))
        lines.append(_line("simulated", rate_hz, simulated_at(made, rate_hz)))
        rates.append(rate_hz)
    lines.append(_line("simulated", RAW_HZ, simulated_at(made, RAW_HZ)))
    return lines


def _line(name: str, rate_hz: float, row: Row) -> str:
    return (
        f"| {name} | {rate_hz:g} | {row['median_hz']:.0f} | {row['mean_hz']:.0f} "
        f"| {row['crest']:.1f} | {row['kurtosis']:.1f} | {row['hum']:.0%} | {row['drift']:.2f} "
        f"| {row['range']:.1f} |"
    )


def mmm_values(made: list[SimulatedClip]) -> str:
    """The distribution of envelopes by MMM's chain."""
    values = np.concatenate([
        np.stack(list(mmm_envelopes(clip.raw["fridlund"], len(clip)).values())).ravel()
        for clip in made if clip.mode != "free"
    ])  # fmt: skip
    parts = np.percentile(values, (50, 90, 99))
    return (
        f"MMM's chain: median {parts[0]:.1f}, 90 % {parts[1]:.0f}, 99 % {parts[2]:.0f}, "
        f"largest {values.max():.0f} µV"
    )


def speed() -> str:
    """How many times faster than real time a clip is made, on one core."""
    subject = draw_subject(SEED, 0)
    began, spent = time.process_time(), 0.0
    for seq in (2, 3, 4):
        spent += len(simulate_clip(subject, "1S", "emotion", "sad", seq)) / 30
    return f"{spent / (time.process_time() - began):.0f} times real time (63 electrodes, 4096 Hz)"


def draw_figures(made: list[SimulatedClip], folder: Path) -> None:
    """A clip from effort to envelope; spectra of effort, and cross-talk by distance."""
    from simulated_figures import draw_clip, draw_statistics

    smile = next(clip for clip in made if clip.task == "Smile-Open")
    draw_clip(smile, folder / "simulated_clip.png")
    draw_statistics(folder / "simulated_statistics.png")


def main() -> None:
    """Print the table and the numbers; draw the figures where they are wanted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--figures", type=Path)
    parser.add_argument("--subjects", type=int, default=3)
    parser.add_argument("--people", type=int, help="print what so many people are like instead")
    options = parser.parse_args()
    if options.people:
        print("\n".join(people_table(SEED, options.people)))
        fmov = DATA / "emg" / "nilsonne_FMOV_CC0"
        print("\n".join(integrated_table(fmov, SEED, options.people)))
        return
    made = clips(options.subjects)
    print("\n".join(table(made)))
    print(mmm_values(made))
    print(speed())
    if options.figures is not None:
        draw_figures(made, options.figures)


if __name__ == "__main__":
    main()
