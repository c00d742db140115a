"""What is done about a bad channel, when the user says so: drop, mirror or interpolate it.

Dropping and mirroring change the montage: the muscle is gone, or the other side's channel stands
for it. Interpolating puts a straight line over the bad seconds: of the raw samples before the
filters, and of the envelope after them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..errors import EiferError
from .montage import ChannelMatch, Montage
from .quality import check_quality
from .recording import Recording

DROP, MIRROR, INTERPOLATE = "drop", "mirror", "interpolate"
WAYS = (DROP, MIRROR, INTERPOLATE)
_OTHER = {"left": "right", "right": "left"}
#: Filters carry a bad second this far beyond its ends.
_SMEAR_S = 0.25
_BAD = 2


def repair_montage(montage: Montage, repair: Mapping[str, str]) -> Montage:
    """Leave out channels to be dropped, and let the other side stand for those to be mirrored.

    Parameters
    ----------
    montage : Montage
    repair : mapping of str to str
        ``{channel: "drop" | "mirror" | "interpolate"}``.

    Returns
    -------
    Montage
        With a note for each change.

    Raises
    ------
    EiferError
        For an unknown channel or way, or when there is no other side.
    """
    matches = {match.channel: match for match in montage.matches if match.muscle is not None}
    for channel, way in repair.items():
        if way not in WAYS:
            raise EiferError(
                f"There is no repair '{way}' (asked for '{channel}').",
                f"Choose one of: {', '.join(WAYS)}.",
            )
        if channel not in matches:
            raise EiferError(
                f"'{channel}' cannot be repaired: no muscle belongs to it.",
                f"Channels with a muscle are: {', '.join(matches)}.",
            )
    changed = {match.channel: match for match in montage.matches}
    notes = list(montage.notes)
    for channel, way in repair.items():
        if way == MIRROR:
            other = _other_side(matches, channel, repair)
            changed[other.channel] = replace(other, side="both")
            notes.append(
                f"'{channel}' is mirrored: '{other.channel}' drives {other.muscle} on both sides."
            )
        if way == DROP:
            notes.append(f"'{channel}' was dropped by the user.")
        if way != INTERPOLATE:
            changed[channel] = ChannelMatch(channel)
    result = replace(montage, matches=tuple(changed.values()), notes=tuple(notes))
    if not result.muscles:
        raise EiferError("Every channel was dropped.", "Keep at least one.")
    return result


def calibrated_as(montage: Montage, repaired: Montage) -> tuple[str, ...]:
    """The muscle that the channel of each of `repaired`'s muscles has in `montage`.

    A mirrored channel was calibrated on its own side, whose rest and scale hold for both.
    """
    own = {channel: muscle for muscle, channel in montage.channels.items()}
    return tuple(
        muscle if montage.channels.get(muscle) == channel else own[channel]
        for muscle, channel in repaired.channels.items()
    )


def _other_side(
    matches: Mapping[str, ChannelMatch], channel: str, repair: Mapping[str, str]
) -> ChannelMatch:
    own = matches[channel]
    for match in matches.values():
        if match.muscle == own.muscle and match.side == _OTHER.get(own.side or ""):
            if match.channel not in repair:
                return match
            raise EiferError(
                f"'{channel}' cannot be mirrored: '{match.channel}' on the other side is to be "
                "repaired too.",
                "Drop or interpolate one of them.",
            )
    raise EiferError(
        f"'{channel}' cannot be mirrored: no channel stands for {own.muscle} on the other side.",
        "Drop or interpolate it.",
    )


@dataclass(frozen=True)
class BadSeconds:
    """The stretches of one channel that are to be bridged.

    Attributes
    ----------
    channel : str
    spans_s : tuple of tuple
        ``(start, stop)`` in seconds after the first sample.
    """

    channel: str
    spans_s: tuple[tuple[float, float], ...]

    def bridge(self, envelope: np.ndarray, times_s: np.ndarray) -> np.ndarray:
        """The envelope (n_frames,) with straight lines over the bad seconds."""
        good = np.ones(len(times_s), bool)
        for start, stop in self.spans_s:
            good &= (times_s < start - _SMEAR_S) | (times_s > stop + _SMEAR_S)
        if not good.any():
            raise EiferError(
                f"'{self.channel}' is bad from beginning to end, so nothing is left to "
                "interpolate from.",
                "Drop it, or mirror it from the other side.",
            )
        return np.interp(times_s, times_s[good], envelope[good])

    def blank(self, samples: np.ndarray, start: int, rate_hz: float) -> np.ndarray:
        """Raw samples from sample `start` on, with straight lines over the bad seconds.

        The filters would carry what stands there far into the good seconds.
        """
        at_s = (start + np.arange(len(samples))) / rate_hz
        good = np.isfinite(samples)
        for first, last in self.spans_s:
            good &= (at_s < first) | (at_s >= last)
        if not good.any():
            return np.zeros(len(samples))
        return np.interp(at_s, at_s[good], samples[good])

    @property
    def words(self) -> str:
        """What is done, for the filter text."""
        seconds = sum(stop - start for start, stop in self.spans_s)
        return f"{seconds:g} bad seconds of '{self.channel}' interpolated"


def find_bad_seconds(recording: Recording, repair: Mapping[str, str]) -> dict[str, BadSeconds]:
    """The bad seconds of each channel that is to be interpolated."""
    found = {}
    for channel in (name for name, way in repair.items() if way == INTERPOLATE):
        quality = check_quality(recording, [channel])
        bad = np.flatnonzero(quality[channel].over_time == _BAD)
        length = quality.stretch_s
        spans = tuple((float(k * length), float((k + 1) * length)) for k in bad)
        found[channel] = BadSeconds(channel, spans)
    return found


def blank_bad_seconds(recording: Recording, bad: Mapping[str, BadSeconds]) -> Recording:
    """The same recording, still lazy, with straight lines over the bad seconds."""
    if not bad:
        return recording

    def read_channel(index: int, start: int, stop: int) -> np.ndarray:
        samples = recording.channel(index, start, stop)
        gaps = bad.get(recording.channels[index])
        return samples if gaps is None else gaps.blank(samples, start, recording.rate_hz)

    def read_samples(start: int, stop: int) -> np.ndarray:
        indices = range(len(recording.channels))
        return np.stack([read_channel(index, start, stop) for index in indices])

    return replace(recording, read_channel=read_channel, read_samples=read_samples)
