"""Bipolar pairs: the difference of two monopolar channels, for recordings and for live input.

What two neighbouring electrodes share (hum, the reference, muscles farther away) goes out in the
difference; what the muscle between them does stays. The difference is taken before any filter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import EiferError
from .filters import FLAT
from .recording import Recording

SEPARATOR = " - "
#: The micro sign and the Greek letter, which look alike.
_MICRO = str.maketrans({"\u00b5": "u", "\u03bc": "u"})
_LOOKS, _LOOK_S = 10, 1.0


def pair_name(plus: str, minus: str) -> str:
    """The name of the derived channel: ``"A - B"``."""
    return f"{plus}{SEPARATOR}{minus}"


def split_pair(name: str, channels: Sequence[str]) -> tuple[str, str] | None:
    """The two channels that a name such as ``"A - B"`` means; None when it means none.

    Channels whose own names hold the separator are found, too.
    """
    parts = name.split(SEPARATOR)
    for cut in range(1, len(parts)):
        pair = SEPARATOR.join(parts[:cut]).strip(), SEPARATOR.join(parts[cut:]).strip()
        if pair[0] in channels and pair[1] in channels and pair[0] != pair[1]:
            return pair
    return None


@dataclass(frozen=True)
class Derivation:
    """Channels and differences of channels out of what an amplifier gives.

    It keeps no state, so how the samples are cut into chunks changes nothing.

    Attributes
    ----------
    inputs : tuple of str
        Channels that come in, in their order.
    channels : tuple of str
        Channels that go out: names out of `inputs`, or ``"A - B"``.
    plus : tuple of int
        Per outgoing channel the place of its channel in `inputs`.
    minus : tuple of int or None
        The place of what is subtracted; None for a channel as it is.
    """

    inputs: tuple[str, ...]
    channels: tuple[str, ...]
    plus: tuple[int, ...]
    minus: tuple[int | None, ...]

    @classmethod
    def of(
        cls, inputs: Sequence[str], channels: Sequence[str], units: Sequence[str] | None = None
    ) -> Derivation:
        """The derivation that gives `channels` from `inputs`.

        Parameters
        ----------
        inputs : sequence of str
        channels : sequence of str
            Names out of `inputs`, or ``"A - B"``; a name that is an input is never split.
        units : sequence of str, optional
            One per input; the two of a pair must have the same.

        Raises
        ------
        EiferError
            When a channel is not there or the units of a pair differ.
        """
        plus: list[int] = []
        minus: list[int | None] = []
        places = {name: k for k, name in reversed(list(enumerate(inputs)))}
        for name in channels:
            pair = None if name in places else split_pair(name, inputs)
            if name not in places and pair is None:
                raise EiferError(
                    f"The recording lacks {_lacking(name, inputs)}.",
                    f"Its channels are: {', '.join(inputs)}.",
                )
            plus.append(places[name if pair is None else pair[0]])
            minus.append(None if pair is None else places[pair[1]])
            if pair is not None and units is not None:
                _check_units(pair, units[places[pair[0]]], units[places[pair[1]]])
        return cls(tuple(inputs), tuple(channels), tuple(plus), tuple(minus))

    def apply(self, samples: np.ndarray) -> np.ndarray:
        """Outgoing channels (n_out, n) float64 of incoming samples (n_in, n)."""
        given = np.asarray(samples, np.float64)
        if given.ndim != 2 or len(given) != len(self.inputs):
            raise EiferError(
                f"Samples of shape {given.shape} do not fit a derivation from "
                f"{len(self.inputs)} channels.",
                "Give an array (n_channels, n).",
            )
        derived = given[list(self.plus)]
        for row, place in enumerate(self.minus):
            if place is not None:
                derived[row] -= given[place]
        return derived


def with_pairs(recording: Recording, names: Iterable[str]) -> Recording:
    """The recording with the pairs among `names` as further channels, still lazy.

    Parameters
    ----------
    recording : Recording
    names : iterable of str
        Channels and pairs (``"A - B"``); what the recording has already is left as it is.

    Raises
    ------
    EiferError
        When a channel of a pair is not there, their units differ, or the recording holds
        envelopes, whose difference means nothing.
    """
    new = [name for name in dict.fromkeys(names) if name not in recording.channels]
    if not new:
        return recording
    derived = Derivation.of(recording.channels, new, recording.units)
    if recording.holds_envelope:
        raise EiferError(
            f"'{new[0]}' cannot be made: the recording holds envelopes, and the difference of "
            "envelopes is no bipolar signal.",
            "Use the raw recording, or map the channels one by one.",
        )
    known = len(recording.channels)

    def read_channel(index: int, start: int, stop: int) -> np.ndarray:
        if index < known:
            return recording.channel(index, start, stop)
        plus, minus = derived.plus[index - known], derived.minus[index - known]
        assert minus is not None  # only pairs are new
        first = np.asarray(recording.channel(plus, start, stop), np.float64)
        return first - recording.channel(minus, start, stop)

    def read_samples(start: int, stop: int) -> np.ndarray:
        given = recording.data(start, stop)
        return np.concatenate([given, derived.apply(given)])

    return replace(
        recording,
        channels=(*recording.channels, *new),
        units=(*recording.units, *(recording.units[k] for k in derived.plus)),
        read_samples=read_samples,
        read_channel=read_channel,
    )


def flat_pairs(recording: Recording, pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """A sentence for each pair of which a channel never changes.

    Ten seconds spread over the recording are looked at, not the whole.
    """
    flat: dict[str, bool] = {}
    notes = []
    for pair in pairs:
        for name in pair:
            if name not in flat:
                flat[name] = _is_flat(recording, recording.channels.index(name))
        dead = [name for name in pair if flat[name]]
        if len(dead) == 1:
            other = pair[1] if dead[0] == pair[0] else pair[0]
            notes.append(
                f"'{dead[0]}' never changes, so the pair '{pair_name(*pair)}' shows '{other}' "
                "alone, against the reference."
            )
        elif dead:
            notes.append(f"Both channels of the pair '{pair_name(*pair)}' never change.")
    return tuple(notes)


def _is_flat(recording: Recording, index: int) -> bool:
    length = max(2, round(_LOOK_S * recording.rate_hz))
    last = max(0, recording.n_samples - length)
    starts = {round(k * last / max(1, _LOOKS - 1)) for k in range(_LOOKS)}
    low, high = np.inf, -np.inf
    for start in sorted(starts):
        part = recording.channel(index, start, min(start + length, recording.n_samples))
        part = part[np.isfinite(part)]
        if len(part):
            low, high = min(low, float(part.min())), max(high, float(part.max()))
        if high - low > FLAT * max(abs(high), abs(low)):
            return False
    return True


def _check_units(pair: tuple[str, str], first: str, second: str) -> None:
    if first.translate(_MICRO) != second.translate(_MICRO):
        raise EiferError(
            f"'{pair[0]}' is in {first} and '{pair[1]}' in {second}, so their difference means "
            "nothing.",
            "Give the units when reading (units=), or choose another pair.",
        )


def _lacking(name: str, inputs: Sequence[str]) -> str:
    """The part of a wanted pair that is not there, in words."""
    first, separator, second = name.partition(SEPARATOR)
    missing = [part for part in (first, second) if separator and part not in inputs]
    if len(missing) == 1:
        return f"the channel '{missing[0]}' of the pair '{name}'"
    return f"the channel '{name}'"
