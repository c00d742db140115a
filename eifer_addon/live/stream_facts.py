"""What is known about a stream, and how one is chosen; needs no liblsl."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..errors import EiferError
from ..signals.words import one_line, stream_unit, unique_names

#: A stream with more channels is no recording of a face; its channels get no names.
MOST_CHANNELS = 4096
#: Longer texts of a stranger's description are cut.
_LONGEST_TEXT = 80


@dataclass(frozen=True)
class StreamFacts:
    """A stream on the network.

    Attributes
    ----------
    name, type, source_id : str
        As its sender calls it; `source_id` stays the same when the device is started again.
    n_channels : int
    rate_hz : float
        The nominal sampling rate, 0 for an irregular one.
    channel_format : str
        ``float32``, ``double64``, ``int16``, ``int32`` … or ``string`` for markers.
    channels, units, channel_types : tuple of str
        One per channel; numbered, ``?`` and empty where the sender does not say.
    manufacturer, hostname, uid, session_id : str
        `uid` is another one after each start of the sender.
    """

    name: str
    type: str = ""
    source_id: str = ""
    n_channels: int = 0
    rate_hz: float = 0.0
    channel_format: str = "float32"
    channels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    channel_types: tuple[str, ...] = ()
    manufacturer: str = ""
    hostname: str = ""
    uid: str = ""
    session_id: str = ""

    @property
    def holds_signal(self) -> bool:
        """Whether this is a stream of numbers with a rate, not of markers."""
        return self.channel_format not in ("string", "undefined") and self.rate_hz > 0

    def describe(self) -> str:
        """One line that a person can read."""
        rate = f"{self.rate_hz:g} Hz" if self.rate_hz else "irregular"
        plural = "" if self.n_channels == 1 else "s"
        parts = [self.type or "no type", f"{self.n_channels} channel{plural}", rate]
        details = f"{', '.join(parts)}, {self.channel_format}"
        return one_line(f"{self.name} ({details}) from {self.hostname or 'an unknown host'}")

    def to_document(self) -> dict[str, Any]:
        """JSON-serialisable values."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> StreamFacts:
        """What :meth:`to_document` gave, also after JSON made lists of its tuples."""
        known = {field.name for field in fields(cls)}
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in document.items()
            if key in known
        }
        return cls(**values)


@dataclass(frozen=True)
class StreamSelector:
    """Which stream is meant; what is None may be anything.

    Attributes
    ----------
    name, type, source_id, hostname, uid : str or None
        Texts that have to be equal, except that upper and lower case of `type` are the same.
    """

    name: str | None = None
    type: str | None = None
    source_id: str | None = None
    hostname: str | None = None
    uid: str | None = None

    def matches(self, facts: StreamFacts) -> bool:
        """Whether a stream fits."""
        if self.type is not None and self.type.lower() != facts.type.lower():
            return False
        keys = ("name", "source_id", "hostname", "uid")
        return all(getattr(self, k) in (None, getattr(facts, k)) for k in keys)

    def choose(self, streams: Iterable[StreamFacts]) -> StreamFacts:
        """The one stream of numbers that fits.

        Raises
        ------
        EiferError
            When none or several fit; the sentence lists what there is.
        """
        there = tuple(streams)
        found = [s for s in there if self.matches(s) and s.holds_signal]
        if len(found) == 1:
            return found[0]
        if found:
            listed = "; ".join(f"{s.describe()}, source id '{s.source_id}'" for s in found)
            raise EiferError(
                f"{len(found)} streams fit {self.describe()}: {listed}.",
                "Choose one by its name or source id.",
            )
        held = [s for s in there if self.matches(s)]
        if held:
            raise EiferError(
                f"The stream {held[0].describe()} is no signal with a sampling rate.",
                "Choose a stream of numbers with a regular rate.",
            )
        listed = "; ".join(s.describe() for s in there) or "none"
        raise EiferError(
            f"No stream fits {self.describe()}. On the network: {listed}.",
            "Start the amplifier's LSL program, or look whether a firewall stands between.",
        )

    def describe(self) -> str:
        """For example ``name 'Amp', type 'EMG'``."""
        keys = ("name", "type", "source_id", "hostname", "uid")
        parts = [
            f"{key.replace('_', ' ')} '{getattr(self, key)}'"
            for key in keys if getattr(self, key) is not None
        ]  # fmt: skip
        return ", ".join(parts) or "any signal"

    @classmethod
    def of(cls, facts: StreamFacts) -> StreamSelector:
        """What to remember of a stream to find it again: its source id, else name and type."""
        if facts.source_id:
            return cls(source_id=facts.source_id)
        return cls(name=facts.name, type=facts.type)

    def to_document(self) -> dict[str, str]:
        """JSON-serialisable values, without those that may be anything."""
        return {key: value for key, value in asdict(self).items() if value is not None}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> StreamSelector:
        """What :meth:`to_document` gave."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: str(value) for key, value in document.items() if key in known})


def channel_rows(
    rows: Iterable[Mapping[str, str]], n_channels: int
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Names, units and types of all channels out of a stranger's description.

    Parameters
    ----------
    rows : iterable of mapping
        ``label``, ``unit`` and ``type`` per described channel; may be too few or too many.
    n_channels : int
        How many channels the stream has.

    Returns
    -------
    names, units, types : tuple of str
        `n_channels` each (none for more than 4096): names unique and numbered where missing,
        units ``?`` where missing; all on one line and at most 80 characters long.
    """
    if not 0 < n_channels <= MOST_CHANNELS:
        return (), (), ()
    given = list(rows)[:n_channels]
    given += [{}] * (n_channels - len(given))
    names, _ = unique_names(_short(row.get("label", "")) for row in given)
    units = tuple(stream_unit(_short(row.get("unit", ""))) for row in given)
    return names, units, tuple(_short(row.get("type", "")) for row in given)


def _short(text: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in text[: 4 * _LONGEST_TEXT])
    return one_line(printable)[:_LONGEST_TEXT].strip()
