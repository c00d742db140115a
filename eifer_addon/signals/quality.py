"""The quality of each channel, over time and as a whole, in numbers, levels and sentences.

Seven questions are asked of every second of every channel: does it change at all, does it touch
the ends of its range, how large is the mains hum, how much moves below 20 Hz, does activity stand
out of rest, does another channel show the same at the same time, was the contact lost. Nothing is
dropped or repaired here; `convert.to_activity` does what the user says with ``repair=``.

The limits are rules of thumb after Fridlund and Cacioppo (Psychophysiology 23, 1986) and van
Boxtel (Psychophysiology 38, 2001), set where simulated faults and real recordings part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from .montage_recording import map_recording
from .pairs import with_pairs
from .quality_measures import MEASURES, Stretches, measure_stretches
from .recording import Recording, rate_note

GOOD, DOUBTFUL, BAD = "good", "doubtful", "bad"
LEVELS = (GOOD, DOUBTFUL, BAD)
#: Parts of the recording from which a fault of single seconds counts for the channel.
_PART_DOUBTFUL, _PART_BAD = 0.02, 0.3
#: Limits (doubtful, bad) of each measure; None where it never gets that far.
_LIMITS: dict[str, tuple[float, float | None]] = {
    "mains_ratio": (10.0, 1000.0),
    "movement_ratio": (100.0, 10_000.0),
    "crosstalk": (0.6, 0.95),
}
#: Below this the strongest second hardly differs from the quietest.
_LEAST_SIGNAL_TO_REST = 2.0


@dataclass(frozen=True)
class ChannelQuality:
    """What was found about one channel.

    Attributes
    ----------
    channel : str
        Its name in the recording.
    level : str
        ``"good"``, ``"doubtful"`` or ``"bad"``: the worst of its findings.
    findings : mapping of str to tuple
        ``{fault: (level, sentence)}`` for what is not good; empty for a good channel.
    measures : mapping of str to float
        ``flat``, ``clipped``, ``contact_lost`` (parts of the recording, 0 to 1),
        ``mains_ratio`` and ``movement_ratio`` (power over that of the EMG), ``signal_to_rest``
        (amplitude; 0 under five seconds, where it cannot be told) and ``crosstalk`` (highest
        correlation with another channel, 0 to 1).
    over_time : numpy.ndarray
        uint8 (n_seconds,), 0 good, 1 doubtful, 2 bad, by the faults that come and go.
    series : mapping of str to numpy.ndarray
        Each of the measures second by second (n_seconds,). A neighbour's cross-talk is seen
        in the seconds in which this channel rests, so single high seconds are no fault.
    """

    channel: str
    level: str = GOOD
    findings: dict[str, tuple[str, str]] = field(default_factory=dict)
    measures: dict[str, float] = field(default_factory=dict)
    over_time: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint8))
    series: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """Everything that was found, or that nothing was."""
        return " ".join(s for _, s in self.findings.values()) or f"{self.channel} is good."


@dataclass(frozen=True)
class Quality:
    """The quality of a recording's channels.

    Attributes
    ----------
    channels : tuple of ChannelQuality
        In the order of the recording.
    stretch_s : float
        Length of the stretches of `ChannelQuality.over_time`.
    notes : tuple of str
        What concerns all channels: a sampling rate that is too low for the whole band.
    """

    channels: tuple[ChannelQuality, ...]
    stretch_s: float = 1.0
    notes: tuple[str, ...] = ()

    def __getitem__(self, channel: str) -> ChannelQuality:
        return next(found for found in self.channels if found.channel == channel)

    @property
    def hints(self) -> tuple[str, ...]:
        """The sentences about all, then about channels that are not good, the bad ones first."""
        order = sorted(self.channels, key=lambda found: -LEVELS.index(found.level))
        return (*self.notes, *(found.sentence for found in order if found.findings))

    def describe(self) -> str:
        """A few lines that a person can read."""
        counts = ", ".join(f"{sum(c.level == k for c in self.channels)} {k}" for k in LEVELS)
        return "\n".join([f"Quality: {counts}", *(f"  {hint}" for hint in self.hints)])


def check_quality(recording: Recording, channels: list[str] | None = None) -> Quality:
    """Judge the channels of a recording.

    Parameters
    ----------
    recording : Recording
        Raw EMG; of envelopes, the spectrum and the cross-talk are not asked for. It is read a
        few seconds at a time, never as a whole.
    channels : list of str, optional
        Which ones, also pairs (``"A - B"``); None takes those that stand for a muscle, or all
        when none does.

    Returns
    -------
    Quality
    """
    if channels is None:
        mapped = map_recording(recording).channels.values()
        channels = list(dict.fromkeys(mapped)) or list(recording.channels)
    recording = with_pairs(recording, channels)
    chosen = recording.select([recording.channels.index(name) for name in channels])
    stretches = measure_stretches(chosen)
    judged = tuple(_judge(chosen, stretches, k) for k in range(len(channels)))
    note = "" if recording.holds_envelope else rate_note(recording.rate_hz)
    return Quality(judged, stretches.length_s, (note,) if note else ())


def _judge(recording: Recording, stretches: Stretches, index: int) -> ChannelQuality:
    name = recording.channels[index]
    measures = {key: float(stretches.measure(key)[index]) for key in MEASURES}
    partner = recording.channels[int(stretches.partner[index])]
    findings = {fault: (level, text) for fault, level, text in _findings(name, measures, partner)}
    level = max((level for level, _ in findings.values()), key=LEVELS.index, default=GOOD)
    series = {key: stretches.series(key)[index] for key in MEASURES}
    return ChannelQuality(name, level, findings, measures, _over_time(stretches, index), series)


def _findings(
    name: str, measures: dict[str, float], partner: str
) -> Iterator[tuple[str, str, str]]:
    """Fault, level and sentence of everything that is not good."""
    if measures["flat"] >= 1.0:
        yield "flat", BAD, f"{name} never changes: no electrode or a dead input."
        return
    for fault, text in (
        ("contact_lost", "lost its contact for {0:.0%} of the time"),
        ("flat", "does not change for {0:.0%} of the time"),
        ("clipped", "is clipped in {0:.0%} of the seconds: lower the amplifier's gain"),
    ):
        part = measures[fault]
        if part >= _PART_DOUBTFUL:
            level = BAD if part >= _PART_BAD else DOUBTFUL
            yield fault, level, f"{name} {text.format(part)}."
    for fault, text in (
        ("mains_ratio", "mains hum of {0:,.0f} times the EMG's power: check ground and contact"),
        ("movement_ratio", "movement or drift below 20 Hz of {0:,.0f} times the EMG's power"),
    ):
        level = _level(measures[fault], fault)
        if level != GOOD:
            yield fault, level, f"{name} has {text.format(measures[fault])}."
    if 0 < measures["signal_to_rest"] < _LEAST_SIGNAL_TO_REST:
        ratio = measures["signal_to_rest"]
        yield (
            "signal_to_rest", DOUBTFUL,
            f"{name} is at its strongest only {ratio:.1f} times as strong as at rest.",
        )  # fmt: skip
    level = _level(measures["crosstalk"], "crosstalk")
    if level != GOOD:
        shared = measures["crosstalk"]
        why = ": a bridge of gel or a doubled channel" if level == BAD else ": cross-talk"
        yield (
            "crosstalk",
            level,
            f"{name} runs along with {partner} (correlation {shared:.2f}){why}.",
        )


def _level(value: float, measure: str) -> str:
    doubtful, bad = _LIMITS[measure]
    if bad is not None and value >= bad:
        return BAD
    return DOUBTFUL if value >= doubtful else GOOD


def _over_time(stretches: Stretches, index: int) -> np.ndarray:
    """The level of every second by the faults that come and go."""
    lost = stretches.flat[index] | stretches.contact_lost[index]
    doubtful = stretches.clipped[index].copy()
    for measure in ("mains_ratio", "movement_ratio"):
        values = getattr(stretches, f"{measure}s")[index]
        low, high = _LIMITS[measure]
        doubtful |= values >= low
        if high is not None:
            lost = lost | (values >= high)
    return np.where(lost, 2, np.where(doubtful, 1, 0)).astype(np.uint8)
