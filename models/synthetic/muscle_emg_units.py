"""Motor units: how they are recruited, when they fire, and what an electrode sees of each.

A muscle is a pool of motor units. Small ones are recruited first and large ones add the strength
(size principle; A. J. Fuglevand, D. A. Winter, A. E. Patla 1993, J Neurophysiol 70:2470-2488).
A firing unit sends action potentials from its end plate to both ends of its fibres; an electrode
sees a tripole of currents run by, in a tissue that conducts better along the fibres than across
(Fuglevand and others 1992, Biol Cybern 67:143-153).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from .face_muscles import FaceMuscle
from .muscle_emg_places import Skin, along
from .subject import generator

RAW_HZ = 4096.0
#: Motor units of a pool, the range of their thresholds and of their potentials' sizes. Facial pools
#: are larger, but an electrode sees a part of them.
N_UNITS, _THRESHOLDS, _SIZES = 100, 30.0, 10.0
#: Firing rates in Hz: when a unit begins, at most for the smallest and for the largest, and per
#: effort. Facial units fire fast (G. F. Blair and A. Muller 1987 saw 15 to 40 Hz and more in lips).
_RATE_FIRST, _RATE_MOST, _RATE_SLOPE = 9.0, (42.0, 28.0), 45.0
#: Coefficient of variation of intervals between firings, and the shortest one in means.
_IRREGULAR, _SHORTEST = 0.20, 0.35
#: The tripole: currents and their distances in mm behind the first (Fuglevand and others 1992).
_CURRENTS, _BEHIND_MM = (24.6, -35.4, 10.8), (0.0, 2.1, 6.8)
#: Ratio of conductivities along to across the fibres; speed in mm/s of a usual unit, with spread.
_ANISOTROPY, _SPEED, _SPEED_SPREAD = 5.0, 3700.0, 250.0
#: End plates scatter along the muscle; fibres of a unit end at different places, which smears.
_END_PLATE_MM, _SMEAR_S = 4.0, 0.00065
#: Radius of an electrode's contact, over which potentials average out.
_ELECTRODE_MM = 2.5
#: A unit is part of a muscle that is so thick, in mm.
_THICK_MM = 3.0
#: Samples of an action potential's template, and the size of the basis that all are written in.
WINDOW, N_BASIS = 72, 12
#: Farther than this, in mm, a unit is not seen any more.
_REACH_MM = 60.0


@dataclass(frozen=True)
class Pool:
    """Motor units of one muscle on a head.

    Attributes
    ----------
    centre_mm, axis : numpy.ndarray
        (n, 3) middle of the fibres, and their unit direction.
    end_plate_mm, half_mm : numpy.ndarray
        (n,) end plate from the middle along the axis; half the fibres' length.
    speed : numpy.ndarray
        (n,) mm/s.
    size : numpy.ndarray
        (n,) of the action potentials, in the order of recruitment.
    """

    centre_mm: np.ndarray
    axis: np.ndarray
    end_plate_mm: np.ndarray
    half_mm: np.ndarray
    speed: np.ndarray
    size: np.ndarray


def draw_pool(muscle: FaceMuscle, skin: Skin, fat_mm: float, rng: np.random.Generator) -> Pool:
    """Put the motor units of a muscle under a skin."""
    n = N_UNITS
    half = muscle.half_length_mm * np.exp(np.clip(rng.normal(0, 0.12, n), -0.25, 0.25))
    # Fibres lie within the muscle: their middles keep half their length from its ends.
    spare = np.minimum(half / muscle.length_mm, 0.5)
    part = spare + (1 - 2 * spare) * rng.uniform(size=n)
    place, direction = along(muscle, part, rng.uniform(-1, 1, n) * muscle.half_width_mm)
    half = np.minimum(half, 0.5 * muscle.length_mm)
    ends = [skin.at(place + way * direction * half[:, None]) for way in (-1, 1)]
    axis = ends[1] - ends[0]
    axis /= np.maximum(np.sqrt((axis**2).sum(axis=1, keepdims=True)), 1e-9)
    depth = np.maximum(muscle.depth_mm + fat_mm + _THICK_MM * rng.uniform(size=n), 1.0)
    centre = skin.at(place) - skin.normals(place) * depth[:, None]
    size = np.exp(np.log(_SIZES) * np.arange(n) / n) / _SIZES
    return Pool(
        centre, axis, np.clip(rng.normal(0, _END_PLATE_MM, n), -0.6 * half, 0.6 * half), half,
        _SPEED + _SPEED_SPREAD * rng.standard_normal(n).clip(-2, 2), size,
    )  # fmt: skip


def templates(pool: Pool, electrodes_mm: np.ndarray) -> np.ndarray:
    """Action potentials (n_units, n_electrodes, WINDOW) at `RAW_HZ`, any unit, without sizes."""
    offset = electrodes_mm[None] - pool.centre_mm[:, None]
    forward = np.einsum("nec,nc->ne", offset, pool.axis)
    radial = np.maximum((offset**2).sum(axis=2) - forward**2, 1.0) + _ELECTRODE_MM**2 / 2
    radial *= _ANISOTROPY
    time = np.arange(WINDOW) / RAW_HZ
    out = np.zeros((*forward.shape, WINDOW), np.float32)
    for way in (1.0, -1.0):
        room = pool.half_mm - way * pool.end_plate_mm
        for current, behind in zip(_CURRENTS, _BEHIND_MM, strict=True):
            # A pole waits at the end plate until it is its turn, and stays where the fibre ends.
            went = np.clip(pool.speed[:, None] * time - behind, 0, room[:, None])
            at = (pool.end_plate_mm[:, None] + way * went).astype(np.float32)
            gap = forward.astype(np.float32)[..., None] - at[:, None]
            out += np.float32(current) / np.sqrt(radial.astype(np.float32)[..., None] + gap**2)
    return out


@functools.cache
def basis() -> np.ndarray:
    """Orthonormal shapes (N_BASIS, WINDOW) in which all templates are written.

    The main components of the action potentials of a canonical fibre seen from all around. Rounded,
    so that it is the same with every linear algebra library.
    """
    rng = generator(0, "canonical fibres")
    n = 240
    pool = Pool(
        np.zeros((n, 3)), np.tile([1.0, 0.0, 0.0], (n, 1)), rng.uniform(-6, 6, n),
        rng.uniform(7, 16, n), _SPEED + _SPEED_SPREAD * rng.uniform(-2, 2, n), np.ones(n),
    )  # fmt: skip
    place = np.stack([rng.uniform(-40, 40, 60), rng.uniform(2, 45, 60), np.zeros(60)], axis=1)
    shapes = templates(pool, place).reshape(-1, WINDOW).astype(np.float64)
    shapes /= np.sqrt((shapes**2).sum(axis=1, keepdims=True)) ** 0.5  # near ones count more
    moment = np.round(np.einsum("ni,nj->ij", shapes, shapes), 9)
    vectors = np.linalg.eigh(moment)[1][:, ::-1][:, :N_BASIS].T
    signs = np.sign(vectors[np.arange(N_BASIS), np.abs(vectors).argmax(axis=1)])
    return np.asarray(np.round(vectors * signs[:, None], 9))


def spectra(n: int) -> np.ndarray:
    """Transforms (N_BASIS, n // 2 + 1) of the basis for signals of n samples, smeared."""
    frequency = np.fft.rfftfreq(n, 1 / RAW_HZ)
    smear = np.exp(-2 * (np.pi * frequency * _SMEAR_S) ** 2)
    return np.asarray(np.fft.rfft(basis(), n, axis=1) * smear).astype(np.complex64)


def coefficients(pool: Pool, electrodes_mm: np.ndarray) -> np.ndarray:
    """What electrodes see of units, (n_units, n_electrodes, N_BASIS) float32, with their sizes."""
    out = np.zeros((len(pool.size), len(electrodes_mm), N_BASIS), np.float32)
    middle = pool.centre_mm.mean(axis=0)
    near = np.flatnonzero(((electrodes_mm - middle) ** 2).sum(axis=1) < _REACH_MM**2)
    if len(near):
        seen = templates(pool, electrodes_mm[near])
        shapes = basis().astype(np.float32)
        out[:, near] = np.einsum("net,kt->nek", seen, shapes) * pool.size[:, None, None]
    return out


def firing_rates(effort: np.ndarray, last_recruited: float) -> np.ndarray:
    """Firing rate in Hz (n, n_units) of every unit at efforts (n,)."""
    order = np.arange(N_UNITS) / N_UNITS
    threshold = last_recruited * np.exp(np.log(_THRESHOLDS) * (order - 1))
    most = _RATE_MOST[0] + (_RATE_MOST[1] - _RATE_MOST[0]) * order
    above = effort[:, None] - threshold
    rate = np.minimum(_RATE_FIRST + _RATE_SLOPE * above, most)
    return np.asarray(np.where(above > 0, rate, 0.0))


def fire(
    effort: np.ndarray, rate_hz: float, last_recruited: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """When units fire.

    Parameters
    ----------
    effort : numpy.ndarray
        (n,) at `rate_hz`.
    rate_hz, last_recruited : float
    rng : numpy.random.Generator

    Returns
    -------
    times_s, units : numpy.ndarray
        (n_firings,) seconds from the first value of `effort`, and which unit it is.
    """
    beats = np.cumsum(firing_rates(effort, last_recruited), axis=0) / rate_hz
    most = int(np.ceil(beats[-1].max())) if len(beats) else 0
    if most == 0:
        return np.zeros(0), np.zeros(0, int)
    gaps = np.maximum(1 + _IRREGULAR * rng.standard_normal((N_UNITS, 2 * most + 4)), _SHORTEST)
    gaps[:, 0] *= rng.uniform(size=N_UNITS)
    due = np.cumsum(gaps, axis=1)
    unit, _ = rows = np.nonzero(due <= beats[-1][:, None])
    # One interpolation for all units: each has its own stretch of the axis.
    stretch = beats[-1].max() + 1.0
    axis = (beats + np.arange(N_UNITS) * stretch).T.ravel()
    clock = np.tile(np.arange(1, len(effort) + 1) / rate_hz, N_UNITS)
    return np.interp(due[rows] + unit * stretch, axis, clock), unit
