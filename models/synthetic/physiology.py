"""A small physiological simulator of facial EMG, with its ground truth.

A script of expressions gives neural activity per muscle; recruitment turns it into amplitude;
amplitude modulates an interference pattern; electrodes pick up their neighbours, the mains,
drift, movement and noise. What it gives is simulated and says so wherever it goes: in its source,
and in the header of the file that `signals.edf_writer.write_edf` makes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...eifer_addon.errors import EiferError
from ...eifer_addon.signals.activity import Activity
from ...eifer_addon.signals.recording import Recording
from . import interference as noise
from .monopolar import Layout, fridlund_layout, kuramoto_layout
from .script import SIDES, activity_of_script, read_expressions

#: Frames per second of the truth: fast enough for the steepest onset.
TRUTH_RATE_HZ = 100.0
#: ``amplitude = (1 - exp(-k a)) / (1 - exp(-k))``: doubling a strong effort adds less than half.
RECRUITMENT = 0.8
#: Part of a source that a touching electrode would see, and the distance (canvas units, near
#: 0.8 mm) over which it falls to 1/e; gives 5 to 12 % between neighbours; Fridlund and Cacioppo
#: (1986) warn of it without one number for the face.
CROSSTALK, CROSSTALK_DISTANCE = 0.25, 15.0
#: Suffix of German laboratories' channel names (links, rechts), as in the field.
_SUFFIX = {"left": "li", "right": "re"}
MAX_DURATION_S = 3600.0
#: Hum and drift of a common reference, RMS.
REFERENCE_UV = 30.0
_LAYOUTS: dict[str, Callable[[], Layout]] = {
    "fridlund-monopolar": fridlund_layout, "kuramoto": kuramoto_layout,
}  # fmt: skip


def simulate_recording(
    duration_s: float = 20.0, rate_hz: float = 2048.0, seed: int = 0, scheme: str = "fridlund"
) -> tuple[Recording, Activity]:
    """Simulate a recording of a face that goes through its expressions.

    Parameters
    ----------
    duration_s : float
        Length in s; the script of 20 s is cut or repeats with new variation.
    rate_hz : float
        Sampling rate, at least 200 Hz.
    seed : int
        The same seed gives the same recording.
    scheme : str
        ``"fridlund"``: 11 muscles per side, bipolar; ``"fridlund-monopolar"``: the two electrodes
        of each pair by themselves, against a common reference; ``"kuramoto"``: 19 single
        electrodes (K1 …), which see what runs past them (see `monopolar`).

    Returns
    -------
    recording : Recording
        22, 44 or 19 channels in µV, ``source["simulated"]`` True, the expressions as events.
    truth : Activity
        Neural activity per muscle at 100 Hz.

    Raises
    ------
    EiferError
        For another scheme or numbers out of range.
    """
    _check(duration_s, rate_hz, scheme)
    sites = read_expressions()["sites"]
    muscles = tuple(f"{muscle}.{side}" for muscle in sites for side in SIDES)
    layout = _LAYOUTS[scheme]() if scheme in _LAYOUTS else None
    paired = tuple(f"{site['label']} {_SUFFIX[s]}" for site in sites.values() for s in SIDES)
    channels = paired if layout is None else layout.channels
    rng = np.random.default_rng(seed)
    values, events = activity_of_script(duration_s, TRUTH_RATE_HZ, muscles, rng)
    samples = _electrode_samples(values, duration_s, rate_hz, sites, rng, layout)
    source = {
        "file": "", "format": "simulated", "simulated": True, "scheme": scheme, "seed": seed,
        "simulator": "eifer.models.synthetic.physiology",
    }  # fmt: skip
    recording = Recording.from_array(
        samples, rate_hz, channels, units=("uV",) * len(channels), events=events, source=source
    )
    n = len(muscles)
    truth = Activity(
        values.astype(np.float32), TRUTH_RATE_HZ, muscles, np.zeros(n), np.ones(n),
        channels=paired,
        filters=("none: the simulator's own activity",), source=source,
        events=tuple((e.onset_s, e.name, e.duration_s) for e in events),
    )  # fmt: skip
    return recording, truth


def _check(duration_s: float, rate_hz: float, scheme: str) -> None:
    known = ("fridlund", *_LAYOUTS)
    if scheme not in known:
        raise EiferError(
            f"The simulator has no electrode scheme '{scheme}'.", f"Use {', '.join(known)}."
        )
    if not 1.0 <= duration_s <= MAX_DURATION_S:
        raise EiferError(
            f"A simulated recording of {duration_s:g} s is not possible.", "Ask for 1 to 3600 s."
        )
    if not 200.0 <= rate_hz <= 20_000.0:  # below, no EMG would be left in the band
        raise EiferError(f"A rate of {rate_hz:g} Hz is not possible.", "Ask for 200 to 20000 Hz.")


def _electrode_samples(
    values: np.ndarray,
    duration_s: float,
    rate_hz: float,
    sites: dict[str, Any],
    rng: np.random.Generator,
    layout: Layout | None,
) -> np.ndarray:
    """What the electrodes see: (n_channels, n_samples) in µV; None stands for bipolar pairs."""
    n_samples = round(duration_s * rate_hz)
    time_s = np.arange(n_samples) / rate_hz
    frames_s = np.arange(len(values)) / TRUTH_RATE_HZ
    recruited = (1 - np.exp(-RECRUITMENT * values)) / (1 - np.exp(-RECRUITMENT))
    amplitudes = [site["amplitude_uv"] for site in sites.values() for _ in SIDES]
    sources = np.empty((values.shape[1], n_samples))
    for k, amplitude in enumerate(amplitudes):
        envelope = np.interp(time_s, frames_s, recruited[:, k])
        sources[k] = amplitude * envelope * noise.interference(n_samples, rate_hz, rng)
    if layout is None:
        samples = crosstalk_matrix(sites) @ sources
    else:
        samples = _picked_up(sources, rate_hz, layout)
        # The reference is everybody's: what it sees is in every channel alike.
        samples += REFERENCE_UV * noise.mains(n_samples, rate_hz, rng)
        samples += REFERENCE_UV * noise.drift(n_samples, rate_hz, rng)
    # The face moves most while its activity changes.
    change = np.abs(np.gradient(values, 1 / TRUTH_RATE_HZ, axis=0)).mean(axis=1)
    moving = np.interp(time_s, frames_s, change / max(float(change.max()), 1e-9))
    for k in range(len(samples)):
        hum = noise.MAINS_UV * rng.uniform(0.3, 1.5)
        samples[k] += noise.NOISE_UV * rng.standard_normal(n_samples)
        samples[k] += hum * noise.mains(n_samples, rate_hz, rng)
        samples[k] += noise.DRIFT_UV * noise.drift(n_samples, rate_hz, rng)
        samples[k] += noise.MOVEMENT_UV * moving * noise.movement(n_samples, rate_hz, rng)
    return samples


def _picked_up(sources: np.ndarray, rate_hz: float, layout: Layout) -> np.ndarray:
    """What single electrodes see of the muscles, late by the way along the fibres."""
    gains, delays = layout.pick_up
    shifts = np.round(delays * rate_hz).astype(int)
    samples = np.zeros((len(gains), sources.shape[1]))
    for row, (gain, shift) in enumerate(zip(gains, shifts, strict=True)):
        for source, weight, late in zip(sources, gain.tolist(), shift.tolist(), strict=True):
            samples[row, late:] += weight * source[: sources.shape[1] - late]
    return samples


def crosstalk_matrix(sites: dict[str, Any]) -> np.ndarray:
    """How much of each source each channel sees, (n_channels, n_channels), 1 on the diagonal."""
    places = np.array(
        [
            (site["position"][0] * (1 if side == "left" else -1), site["position"][1])
            for site in sites.values()
            for side in SIDES
        ],
        np.float64,
    )
    distance = np.linalg.norm(places[:, None] - places[None], axis=-1)
    mixing = CROSSTALK * np.exp(-distance / CROSSTALK_DISTANCE)
    np.fill_diagonal(mixing, 1.0)
    return np.asarray(mixing)
