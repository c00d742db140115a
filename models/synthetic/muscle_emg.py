"""From effort to raw surface EMG at 4096 Hz: interference patterns at the electrodes of a session.

Every muscle's motor units fire, every electrode sees every unit within its reach by its distance
on the head, and signals add up. What electrodes pick up besides comes from `muscle_emg_noise`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import fft, sparse

from ...eifer_addon.signals.recording import Recording
from . import muscle_emg_units as units
from .face_muscles import FaceMuscle, face_muscles
from .interference import shaped_noise
from .monopolar import fridlund_layout
from .movements import FRAME_HZ, MARGIN_S, STEP_HZ, Performance
from .muscle_emg_noise import add_everything_else
from .muscle_emg_places import Montage3D, along, don, electrode_names, skin_of
from .subject import Subject, generator

RAW_HZ = units.RAW_HZ
#: Effort is looked at so often to find the firings: every sixth step.
_EVERY = 6
#: Half of a pair's distance in mm, for the muscles that no pair lies over.
_HALF_PAIR = 5.0
#: Drive that all units of a muscle share wavers by this part, below 4 Hz.
_COMMON = 0.06
_N_PAIRS = 22


@dataclass(frozen=True)
class Worn:
    """A subject's motor units as the electrodes of one session see them.

    Attributes
    ----------
    montage : Montage3D
    muscles : tuple of int
        Which muscles are seen at all.
    seen : numpy.ndarray
        float32 (n_basis, n_units of all those muscles, n_electrodes), in µV.
    """

    montage: Montage3D
    muscles: tuple[int, ...]
    seen: np.ndarray


@functools.cache
def _nominal_scales() -> Mapping[str, float]:
    """By what the potentials of a muscle have to be multiplied to have its size on a usual head.

    The size is the RMS at full effort of the pair over it, as in the table of muscles.
    """
    skin, scales = skin_of(), {}
    for muscle in (m for m in face_muscles() if m.is_seen):
        pool = units.draw_pool(muscle, skin, 0.0, generator(0, "usual pool", muscle.name))
        seen = units.coefficients(pool, skin.at(_pair_over(muscle)))
        difference = seen[:, 0] - seen[:, 1]
        smear = np.abs(units.spectra(units.WINDOW * 4)) ** 2
        kept = smear.sum(axis=1) / np.maximum(smear.sum(axis=1).max(), 1e-9)
        power = np.einsum("nk,k->n", difference.astype(np.float64) ** 2, kept)
        rate = units.firing_rates(np.ones(1), 0.7)[0]
        rms = np.sqrt(float((rate * power).sum()) / RAW_HZ)
        scales[muscle.name] = round(muscle.maximum_uv / rms, 6)
    return scales


def _pair_over(muscle: FaceMuscle) -> np.ndarray:
    """Canvas places (2, 2) of the pair over a muscle; across its middle where there is none."""
    if muscle.is_measured:
        names = [m.name for m in face_muscles() if m.is_measured]
        k = names.index(muscle.name)
        return fridlund_layout().places[2 * k : 2 * k + 2]
    place, direction = along(muscle, np.full(1, 0.5), np.zeros(1))
    return np.concatenate([place - _HALF_PAIR * direction, place + _HALF_PAIR * direction])


@functools.lru_cache(maxsize=2)
def _worn(seed: int, index: int, rec: str) -> Worn:
    from .subject import draw_subject

    subject = draw_subject(seed, index)
    montage, skin, scales = don(subject, rec), skin_of(subject.identity), _nominal_scales()
    indices, seen = [], []
    for k, muscle in enumerate(face_muscles()):
        if not muscle.is_seen:
            continue
        pool = units.draw_pool(muscle, skin, subject.fat_mm, subject.rng("pool", muscle.name))
        found = units.coefficients(pool, montage.places_mm) * montage.gains[None, :, None]
        seen.append(found * (scales[muscle.name] * subject.strength[k]))
        indices.append(k)
    whole = np.concatenate(seen).astype(np.float32)
    return Worn(montage, tuple(indices), np.ascontiguousarray(whole.transpose(2, 0, 1)))


def wear(subject: Subject, rec: str) -> Worn:
    """The electrodes of a session on a subject; kept while clips of it are made."""
    return _worn(subject.seed, subject.index, rec)


def electrode_signals(
    subject: Subject, rec: str, performance: Performance, rng: np.random.Generator
) -> np.ndarray:
    """What the muscles alone make at all 63 electrodes, (63, n_samples) in µV at 4096 Hz."""
    worn = wear(subject, rec)
    n = samples_of(performance.n_frames)
    first = round(MARGIN_S * RAW_HZ)
    total = first + n + units.WINDOW
    rows, columns = [], []
    for order, muscle in enumerate(worn.muscles):
        effort = performance.drive[::_EVERY, muscle]
        shared = shaped_noise(
            len(effort), STEP_HZ / _EVERY, lambda f: ((f > 0.3) & (f < 4.0)).astype(float), rng
        )
        effort = np.clip(effort * (1 + _COMMON * shared), 0, 1)
        times, unit = units.fire(effort, STEP_HZ / _EVERY, float(subject.recruitment[muscle]), rng)
        at = np.round(times * RAW_HZ).astype(np.int64)
        inside = at < total
        rows.append(at[inside])
        columns.append(unit[inside] + order * units.N_UNITS)
    return _interference(worn, np.concatenate(rows), np.concatenate(columns), total)[
        :, first : first + n
    ]


def _interference(worn: Worn, at: np.ndarray, unit: np.ndarray, total: int) -> np.ndarray:
    """Firings (n,) at samples, of units, as potentials (n_electrodes, total)."""
    order = np.lexsort((unit, at))
    shape = (total, worn.seen.shape[1])
    ones = np.ones(len(at), np.float32)
    trains = sparse.csr_array((ones, (at[order], unit[order])), shape=shape)
    length = fft.next_fast_len(total + units.WINDOW, real=True)
    shapes = units.spectra(length)
    whole = np.zeros((worn.seen.shape[2], length // 2 + 1), np.complex64)
    for seen, shape_spectrum in zip(worn.seen, shapes, strict=True):
        impulses = np.ascontiguousarray((trains @ seen).T)
        whole += fft.rfft(impulses, length, axis=1) * shape_spectrum
    return np.asarray(fft.irfft(whole, length, axis=1)[:, :total])


def samples_of(n_frames: int) -> int:
    """Raw samples that a clip of so many frames has."""
    return round(n_frames / FRAME_HZ * RAW_HZ)


def raw_recordings(
    subject: Subject,
    rec: str,
    performance: Performance,
    movement: np.ndarray,
    rng: np.random.Generator,
    *,
    bipolar: bool = False,
) -> dict[str, Recording]:
    """Raw recordings of both schemes, which were worn at the same time.

    Parameters
    ----------
    subject : Subject
    rec : str
    performance : Performance
    movement : numpy.ndarray
        (n_frames, 52) coefficients of `arkit52`, from whose changes artefacts come.
    rng : numpy.random.Generator
    bipolar : bool
        Fridlund's scheme as 22 pairs (``"Zyg li"``) and not as 44 single electrodes
        (``"Zyg li 1"``).

    Returns
    -------
    dict of str to Recording
        ``"fridlund"`` and ``"kuramoto"`` (19 single electrodes), µV at 4096 Hz.
    """
    samples = electrode_signals(subject, rec, performance, rng).astype(np.float64)
    add_everything_else(samples, wear(subject, rec).montage, movement, rng)
    names = electrode_names()
    split = 2 * _N_PAIRS
    fridlund, pairs = samples[:split], names[:split]
    if bipolar:
        fridlund = fridlund[0::2] - fridlund[1::2]
        pairs = tuple(name.removesuffix(" 1") for name in pairs[0::2])
    parts = {"fridlund": (fridlund, pairs), "kuramoto": (samples[split:], names[split:])}
    return {
        scheme: Recording.from_array(
            values, RAW_HZ, channels, units=("uV",) * len(channels), events=performance.events,
            source={
                "file": "", "format": "simulated", "simulated": True, "scheme": scheme,
                "seed": subject.seed, "pid": subject.pid, "rec": rec,
                "simulator": "eifer.models.synthetic.muscle_emg",
            },
        )
        for scheme, (values, channels) in parts.items()
    }  # fmt: skip
