"""Cross-talk: how much of each muscle its neighbours' electrodes see, and taking it out again.

Two muscles that act together have raw signals that are independent, because their motor units
fire on their own; what one electrode picks up of the other muscle is the same signal at the same
time. So the cross-power of two channels at zero lag shows cross-talk and not co-activation. It is
``c_ij(t) = a_ij p_j(t) + a_ji p_i(t)`` to first order, with the powers ``p`` of the channels,
and seconds with different powers tell the two directions apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import EiferError
from .quality_measures import cross_powers
from .recording import Recording

_ITERATIONS = 6
#: Parts that are smaller than this many standard errors are taken for none.
_LEAST_ERRORS = 4.0
#: Above this a channel is no neighbour but a copy, and nothing can be unmixed.
_LARGEST_PART = 0.8
_LARGEST_COND = 1e3
_LEAST_SECONDS = 10
#: Channels that add less than this are not read for an unmixed one.
_NEGLIGIBLE = 1e-3
#: Pulls both directions towards each other, most where the two muscles never act apart.
_RIDGE = 0.3


def estimate_mixing(recording: Recording, channels: Sequence[str]) -> np.ndarray:
    """Estimate what part of each channel's muscle the other channels see.

    Parameters
    ----------
    recording : Recording
        Raw EMG, best of movements in which different muscles act.
    channels : sequence of str

    Returns
    -------
    numpy.ndarray
        (n_channels, n_channels), row: the channel, column: the muscle under another channel;
        1 on the diagonal, 0 where nothing stands out.

    Raises
    ------
    EiferError
        For envelopes, for less than ten seconds, or when two channels are copies.
    """
    if recording.holds_envelope:
        raise EiferError(
            "Cross-talk cannot be estimated from envelopes.", "Use the raw recording of the EMG."
        )
    chosen = recording.select([recording.channels.index(name) for name in channels])
    shared, bins = cross_powers(chosen)
    powers = np.einsum("kii->ki", shared)
    alive = np.flatnonzero(powers.max(axis=0, initial=0.0) > 0)
    seconds = (powers[:, alive] > 0).all(axis=1)
    if seconds.sum() < _LEAST_SECONDS:
        raise EiferError(
            f"{seconds.sum()} s with a signal on every channel are too few to estimate cross-talk.",
            f"Record at least {_LEAST_SECONDS} s of movements, or leave bad channels out.",
        )
    mixing = np.eye(len(chosen.channels))
    among = np.ix_(alive, alive)
    names = [chosen.channels[k] for k in alive]
    mixing[among] = _mixing(shared[seconds][:, alive][:, :, alive], bins, names)
    return mixing


def _mixing(shared: np.ndarray, bins: int, names: list[str]) -> np.ndarray:
    """The mixing of channels that are all alive, step by step from the first order."""
    mixing = np.eye(len(names))
    for _ in range(_ITERATIONS):
        unmixing = np.linalg.inv(mixing)
        left = unmixing @ shared @ unmixing.T
        mixing = mixing @ (np.eye(len(names)) + _first_order(left, bins))
        mixing /= np.diag(mixing)
        aside = np.abs(mixing - np.eye(len(names)))
        if aside.max() > _LARGEST_PART:
            first, second = divmod(int(np.argmax(aside)), len(names))
            raise EiferError(
                f"'{names[first]}' shows almost the same as '{names[second]}', which cannot be "
                "unmixed.",
                "Drop one of them: a bridge of gel or a doubled channel.",
            )
    return np.asarray(mixing)


def _first_order(shared: np.ndarray, bins: int) -> np.ndarray:
    """Parts of each muscle in the other channels, by weighted least squares over the seconds."""
    powers = np.einsum("kii->ki", shared)
    count = len(shared)
    relative = powers[:, :, None] / powers[:, None, :]
    # Each second weighs by 1 / (p_i p_j), the inverse of its cross-power's variance.
    own, other = relative.sum(axis=0).T, relative.sum(axis=0)
    by_j = (shared / powers[:, :, None]).sum(axis=0)
    by_i = (shared / powers[:, None, :]).sum(axis=0)
    ridge = _RIDGE * count
    both, cross = (own + ridge) * (other + ridge), count - ridge
    determinant = both - cross**2
    np.fill_diagonal(determinant, 1.0)
    parts = ((other + ridge) * by_j - cross * by_i) / determinant
    errors = np.sqrt((other + ridge) / determinant / bins)
    parts[np.abs(parts) < _LEAST_ERRORS * errors] = 0.0
    np.fill_diagonal(parts, 0.0)
    return np.asarray(parts)


def unmix(recording: Recording, channels: Sequence[str], mixing: np.ndarray) -> Recording:
    """The recording with the neighbours' part taken out of `channels`, still lazy.

    Parameters
    ----------
    recording : Recording
        Raw EMG. Channels not in `channels` stay as they are.
    channels : sequence of str
    mixing : numpy.ndarray
        (n_channels, n_channels) from :func:`estimate_mixing`.
    """
    lacking = [name for name in channels if name not in recording.channels]
    if lacking:
        raise EiferError(
            f"The profile unmixes the channel '{lacking[0]}', which the recording lacks.",
            "Calibrate with the same channels, or leave unmixing off.",
        )
    weights = np.eye(len(recording.channels))
    places = [recording.channels.index(name) for name in channels]
    weights[np.ix_(places, places)] = np.linalg.inv(mixing)
    weights[np.abs(weights) < _NEGLIGIBLE] = 0.0

    def read_channel(index: int, start: int, stop: int) -> np.ndarray:
        total: np.ndarray = np.zeros(stop - start)
        for k in np.flatnonzero(weights[index]):
            total += weights[index, k] * recording.channel(int(k), start, stop)
        return total

    def read_samples(start: int, stop: int) -> np.ndarray:
        return np.asarray(weights @ recording.data(start, stop))

    return replace(recording, read_channel=read_channel, read_samples=read_samples)


def unmix_by_profile(recording: Recording, profile: Mapping[str, Any]) -> tuple[Recording, str]:
    """Unmix a recording with what a profile's calibration found.

    Parameters
    ----------
    recording : Recording
    profile : mapping
        A profile's document, see `calibration.Profile.as_document`.

    Returns
    -------
    recording : Recording
    words : str
        What is done, for the filter text.
    """
    if recording.holds_envelope:
        raise EiferError("Envelopes cannot be unmixed.", "Use the raw recording of the EMG.")
    found = profile.get("crosstalk")
    if not found:
        raise EiferError(
            "The profile does not hold the cross-talk.",
            "Calibrate with crosstalk=True (--crosstalk), or leave unmixing off.",
        )
    try:
        channels, mixing = list(found["channels"]), np.array(found["mixing"], np.float64)
        regular = mixing.shape == (len(channels),) * 2 and np.linalg.cond(mixing) < _LARGEST_COND
    except (KeyError, TypeError, ValueError) as error:
        raise EiferError("The profile's cross-talk is damaged.", "Calibrate again.") from error
    if not regular:
        raise EiferError("The profile's cross-talk cannot be inverted.", "Calibrate again.")
    return unmix(recording, channels, mixing), f"cross-talk of {len(channels)} channels taken out"
