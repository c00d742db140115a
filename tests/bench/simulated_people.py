"""What simulated EMG is like over several people, beside the literature and FMOV's six people.

`bench_simulated.py --people 8` prints both tables of docs/simulator.md. Every value is the median
over people of what one person has (a median over muscles or channels), then the smallest and the
largest person.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import signal, stats

from eifer import api
from eifer.eifer_addon.evaluation.scores import lag_s
from eifer.models.synthetic.emg_sessions import joined
from eifer.models.synthetic.face_muscles import muscle_names
from eifer.models.synthetic.movements import Performance, steps
from eifer.models.synthetic.muscle_emg import RAW_HZ, electrode_signals, wear
from eifer.models.synthetic.session import simulate_clip
from eifer.models.synthetic.subject import Subject, draw_subject, generator

MUSCLES = ("frontalis_lateralis", "corrugator", "levator_labii", "zygomaticus", "mentalis")
#: Efforts that are held: what many units make, and what a few make.
FULL, FAINT = 1.0, 0.08
#: Pairs by their distance on the head, in mm.
GAPS_MM = ((0, 25), (25, 50), (50, 75))
_WINDOW_S, _FRAMES = 0.25, 75
#: Unit of integrated EMG: rectified and averaged over so long.
_INTEGRATED_S, _SLOW_HZ = 0.1, 100.0
#: Changes slower than this tell how late the face is.
_SLOW_BELOW_HZ = 6.0
#: Movements that tell it, with a muscle and the coefficient it makes.
MOVES = (
    ("Smile-Open", "zygomaticus.left", "mouthSmileLeft"),
    ("Forehead", "frontalis_lateralis.left", "browOuterUpLeft"),
    ("Lip-Pucker", "orbicularis_oris.left", "mouthPucker"),
)

#: Row, and what others found: number and source.
ROWS: tuple[tuple[str, str], ...] = (
    ("median frequency, Hz", "most of the power at 50 to 200"),
    ("mean frequency, Hz", "none at hand"),
    ("5 % of the power below, Hz", "best high-pass 15 to 25 (van Boxtel 2001)"),
    ("5 % of the power above, Hz", "a low-pass of 400 to 500 is fit (van Boxtel 2001)"),
    ("crest factor, full effort", "3.3: Gaussian noise of that band and length"),
    ("kurtosis, full effort",
     "falls with force towards 0, Gaussian (Nazarpour and others 2013)"),
    ("kurtosis, 8 % effort", "higher than at full effort (the same)"),
    ("RMS at rest, 20 to 450 Hz, µV",
     "MMM: envelopes near 7 in the median, rest and movement"),
    ("RMS at effort, zygomaticus, open smile, µV", "MMM: largest envelope 1800"),
    ("amplitude at pairs nearer than 25 mm, own = 1",
     "0.6 in common at 20 mm, limb (Winter and others 1994)"),
    ("at 25 to 50 mm", "0.48 at 25 mm, 0.24 at 50 mm (the same)"),
    ("at 50 to 75 mm", "0.14 at 75 mm (the same)"),
    ("the face after the EMG, ms", "50 to 100 (Büchner and others 2025)"),
)  # fmt: skip


def person(subject: Subject) -> list[float]:
    """The values of `ROWS` for one person."""
    spectra, shapes, shares = [], [], []
    for muscle in MUSCLES:
        pairs = held(subject, muscle, FULL)
        own = muscle_names().index(f"{muscle}.left")
        spectra.append(spectrum(pairs[own]))
        faint = held(subject, muscle, FAINT)[own]
        shapes.append([*peaks(pairs[own]), peaks(faint)[1]])
        shares.append(cross_talk(subject, pairs, own))
    rest = _band(_pairs_of(subject, "schaede", "Face-At-Rest"), RAW_HZ)
    return [
        *np.median(spectra, axis=0), *np.median(shapes, axis=0), float(np.median(rest.std(axis=1))),
        _effort(subject), *np.nanmedian(shares, axis=0), 1000.0 * delay(subject),
    ]  # fmt: skip


def held(subject: Subject, muscle: str, effort: float) -> np.ndarray:
    """Bipolar signals (22, n) in µV while one muscle of the left side alone holds an effort."""
    drive = np.zeros((len(steps(_FRAMES)), len(muscle_names())))
    drive[:, muscle_names().index(f"{muscle}.left")] = effort
    performance = Performance(drive, _FRAMES, (), np.zeros(len(drive)))
    rng = generator(0, muscle, subject.index, effort)
    single = electrode_signals(subject, "1S", performance, rng)
    return np.asarray(single[0:44:2] - single[1:44:2])


def spectrum(values: np.ndarray) -> list[float]:
    """Median and mean frequency, and where 5 and 95 % of the power lie below, in Hz."""
    frequency, power = signal.welch(values, RAW_HZ, nperseg=2048)
    share = np.cumsum(power) / power.sum()
    at = [float(frequency[np.searchsorted(share, part)]) for part in (0.5, 0.05, 0.95)]
    return [at[0], float((frequency * power).sum() / power.sum()), *at[1:]]


def peaks(values: np.ndarray) -> list[float]:
    """Crest factor and excess kurtosis of a quarter of a second, the median."""
    size = round(_WINDOW_S * RAW_HZ)
    windows = _band(values, RAW_HZ)[: len(values) // size * size].reshape(-1, size)
    crest = np.abs(windows).max(axis=1) / windows.std(axis=1)
    return [float(np.median(crest)), float(np.median(stats.kurtosis(windows, axis=1)))]


def _band(values: np.ndarray, rate_hz: float) -> np.ndarray:
    sections = signal.butter(3, (20.0, 450.0), "bandpass", fs=rate_hz, output="sos")
    return np.asarray(signal.sosfiltfilt(sections, values, axis=-1))


def cross_talk(subject: Subject, pairs: np.ndarray, own: int) -> list[float]:
    """Amplitude at the other pairs of the side, by distance; NaN where there is none."""
    places = wear(subject, "1S").montage.places_mm
    middles = (places[0:44:2] + places[1:44:2]) / 2
    gap = np.linalg.norm(middles - middles[own], axis=1)
    share = pairs.std(axis=1) / pairs[own].std()
    others = np.arange(len(pairs)) != own
    return [
        float(np.median(share[others & (gap >= low) & (gap < high)]))
        if (others & (gap >= low) & (gap < high)).any() else float("nan")
        for low, high in GAPS_MM
    ]  # fmt: skip


def _pairs_of(subject: Subject, mode: str, task: str) -> np.ndarray:
    raw = simulate_clip(subject, "1S", mode, task, 1, bipolar=True).raw["fridlund"]
    return np.asarray(raw.data(), np.float64)


def _effort(subject: Subject) -> float:
    """RMS of the strongest half second of the zygomaticus in an open smile, µV."""
    smile = _band(_pairs_of(subject, "schaede", "Smile-Open"), RAW_HZ)
    size = round(RAW_HZ / 2)
    row = smile[muscle_names().index("zygomaticus.left")]
    return float(row[: len(row) // size * size].reshape(-1, size).std(axis=1).max())


def delay(subject: Subject) -> float:
    """By how much the face follows the EMG, s: where the changes of both correlate most."""
    found = []
    for task, muscle, coefficient in MOVES:
        clip = simulate_clip(subject, "1S", "schaede", task, 1, bipolar=True)
        row = muscle_names().index(muscle)
        size = np.abs(_band(np.asarray(clip.raw["fridlund"].data()[row], np.float64), RAW_HZ))
        slow = signal.butter(2, _SLOW_BELOW_HZ, fs=RAW_HZ, output="sos")
        envelope = np.sqrt(np.maximum(signal.sosfiltfilt(slow, size), 0))
        times = np.arange(0.0, len(envelope) / RAW_HZ - 0.05, 1.0 / _SLOW_HZ)
        levels = np.interp(times, np.arange(len(envelope)) / RAW_HZ, envelope)
        face = np.interp(times, clip.track.timestamps, clip.track.column(coefficient))
        found.append(lag_s(np.gradient(levels), np.gradient(face), _SLOW_HZ))
    return float(np.nanmedian(found))


def people_table(seed: int, count: int) -> list[str]:
    """Lines of the table of simulated people beside the literature."""
    rows = np.array([person(draw_subject(seed, k)) for k in range(count)])
    lines = [f"| | {count} simulated people | measured by others |", "|---|---:|---|"]
    for (name, source), column in zip(ROWS, rows.T, strict=True):
        lines.append(f"| {name} | {_cell(column)} | {source} |")
    return lines


def _cell(column: np.ndarray) -> str:
    """Median and range of a column, with two digits or so."""
    known = column[np.isfinite(column)]
    middle, low, high = np.median(known), known.min(), known.max()
    digits = 0 if abs(middle) >= 20 else 1 if abs(middle) >= 1 else 2
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


#: Rows of the table of integrated EMG.
INTEGRATED = (
    "strongest over resting level, zygomaticus",
    "the same, corrugator",
    "unrest at rest, standard deviation over mean",
    "correlation of zygomaticus and corrugator (logarithms)",
)


def integrated(zygomaticus: np.ndarray, corrugator: np.ndarray, rate_hz: float) -> list[float]:
    """The values of `INTEGRATED` for one person's integrated EMG (n,), in any unit.

    The resting level is the median of the quietest quarter of the seconds.
    """
    both = (zygomaticus, corrugator)
    size = round(rate_hz)
    seconds = [v[: len(v) // size * size].reshape(-1, size) for v in both]
    quiet = [s[s.mean(axis=1) <= np.percentile(s.mean(axis=1), 25)] for s in seconds]
    rest = [float(np.median(q)) for q in quiet]
    unrest = [float(np.median(q.std(axis=1) / q.mean(axis=1))) for q in quiet]
    logs = np.log([np.maximum(v, 0.5 * r) for v, r in zip(both, rest, strict=True)])
    return [
        *(float(np.percentile(v, 99.9)) / r for v, r in zip(both, rest, strict=True)),
        float(np.mean(unrest)), float(np.corrcoef(logs)[0, 1]),
    ]  # fmt: skip


def real_integrated(folder: Path) -> list[list[float]]:
    """FMOV's people: zygomaticus and corrugator at 100 Hz, integrated by their amplifier."""
    found = []
    for path in sorted(folder.glob("*_FMOV_preprocessed.txt")):
        recording = api.read_recording(path)
        signals = dict(zip(recording.channels, recording.data(), strict=True))
        cheek, brow = (np.asarray(signals[m], np.float64) for m in ("zygomaticus", "corrugator"))
        found.append(integrated(cheek, brow, recording.rate_hz))
    return found


def simulated_integrated(
    seed: int, count: int, tasks: Sequence[tuple[str, str]]
) -> list[list[float]]:
    """Simulated people who do some tasks, integrated the same way as far as that is known."""
    found = []
    for k in range(count):
        subject = draw_subject(seed, k)
        clips = [
            simulate_clip(subject, "1S", mode, task, n, bipolar=True)
            for n, (mode, task) in enumerate(tasks, 1)
        ]
        whole, _ = joined([c.raw["fridlund"] for c in clips], [c.task for c in clips])
        rows = [muscle_names().index(f"{m}.left") for m in ("zygomaticus", "corrugator")]
        size = np.abs(_band(np.asarray(whole.data()[rows], np.float64), whole.rate_hz))
        window = round(_INTEGRATED_S * whole.rate_hz)
        step = round(whole.rate_hz / _SLOW_HZ)
        smooth = [np.convolve(row, np.ones(window) / window, "same")[::step] for row in size]
        found.append(integrated(smooth[0], smooth[1], whole.rate_hz / step))
    return found


#: Like FMOV's in short: mostly a still face, then mimicry, and posed at the end.
TASKS = (
    *(("schaede", "Face-At-Rest"),) * 4,
    ("free", "Mimicry"),
    ("emotion", "happy"),
    ("emotion", "angry"),
)


def integrated_table(folder: Path, seed: int, count: int) -> list[str]:
    """Lines of the table of integrated EMG: real people beside simulated ones."""
    real, made = real_integrated(folder), simulated_integrated(seed, count, TASKS)
    lines = [f"| | FMOV, {len(real)} people | {count} simulated people |", "|---|---:|---:|"]
    for name, of_real, of_made in zip(INTEGRATED, np.array(real).T, np.array(made).T, strict=True):
        lines.append(f"| {name} | {_cell(of_real)} | {_cell(of_made)} |")
    return lines
