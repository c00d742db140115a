"""What is streamed by `eifer play` and Blender's Play Simulated Subject, and how."""

from __future__ import annotations

import hashlib
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ..errors import EiferError
from ..signals.recording import Recording

FORMATS = ("float32", "double64", "int16", "int32")
STAMPS = ("sample", "arrival")
_SIMULATED, _PLAYED = "EIFER simulated subject", "EIFER playback"
_FORMAT_VERSION = 1
_MOST_CHUNK, _MOST_JITTER_MS, _LONGEST_NAME = 1 << 16, 10_000.0, 200
_SPEEDS = (0.01, 100.0)


@dataclass(frozen=True)
class PlaySettings:
    """A recording or a simulated subject as a stream.

    Attributes
    ----------
    recording : str or None
        File that is streamed; None streams a simulated subject.
    choices : mapping
        What the file leaves open, as for `api.read_recording`.
    scheme, duration_s, rate_hz, seed
        Of the simulated subject, see `simulate_recording`; it repeats after `duration_s`.
    name, type, source_id : str or None
        Of the stream. None: a name that says what it is, and a source id that is the same after
        each start on this machine.
    speed : float
        2 sends twice the samples per second, as a stream of twice the rate.
    chunk : int
        Samples that are sent at once, as amplifiers do.
    jitter_ms : float
        Each chunk is sent up to this much late, at random.
    stamps : str
        ``"sample"``: the times of a perfect clock; ``"arrival"``: the time of sending, as many
        amplifiers' programs stamp, jitter and all.
    loop : bool
        Begin again at the end; the markers then name each seam ``loop``.
    markers : bool
        Send the recording's events on a second stream.
    channel_format : str
        ``"float32"``, ``"double64"``, ``"int16"`` or ``"int32"``.
    seconds : float or None
        End after this time.
    wait : bool
        Begin only when somebody listens.
    """

    recording: str | None = None
    choices: Mapping[str, Any] = field(default_factory=dict)
    scheme: str = "fridlund"
    duration_s: float = 60.0
    rate_hz: float = 2048.0
    seed: int = 0
    name: str | None = None
    type: str = "EMG"
    source_id: str | None = None
    speed: float = 1.0
    chunk: int = 16
    jitter_ms: float = 0.0
    stamps: str = "sample"
    loop: bool = True
    markers: bool = True
    channel_format: str = "float32"
    seconds: float | None = None
    wait: bool = False

    def __post_init__(self) -> None:
        problems = {
            f"A speed of {self.speed:g}": not _SPEEDS[0] <= self.speed <= _SPEEDS[1],
            f"A chunk of {self.chunk} samples": not 1 <= self.chunk <= _MOST_CHUNK,
            f"A jitter of {self.jitter_ms:g} ms": not 0 <= self.jitter_ms <= _MOST_JITTER_MS,
            f"The time stamps '{self.stamps}'": self.stamps not in STAMPS,
            f"The number format '{self.channel_format}'": self.channel_format not in FORMATS,
            f"A length of {self.seconds} s": self.seconds is not None
            and not (self.seconds > 0 and math.isfinite(self.seconds)),
            "A stream name of this length": not 0 < len(self.stream_name) <= _LONGEST_NAME,
        }
        wrong = next((what for what, bad in problems.items() if bad), None)
        if wrong is not None:
            raise EiferError(
                f"{wrong} is not possible.",
                f"Speeds go from {_SPEEDS[0]:g} to {_SPEEDS[1]:g}, chunks from 1 to {_MOST_CHUNK} "
                f"samples, jitter to {_MOST_JITTER_MS:g} ms; stamps are {' or '.join(STAMPS)}; "
                f"formats are {', '.join(FORMATS)}; names have 1 to {_LONGEST_NAME} letters.",
            )

    @property
    def stream_name(self) -> str:
        """The stream's name; never the file's, which may be a person's."""
        if self.name is not None:
            return self.name
        return _SIMULATED if self.recording is None else _PLAYED

    @property
    def stream_source_id(self) -> str:
        """The stream's source id, the same after each start on this machine."""
        if self.source_id is not None:
            return self.source_id
        known = f"{platform.node()}|{self.stream_name}".encode()
        return f"eifer-{hashlib.sha256(known).hexdigest()[:12]}"

    def open_recording(self) -> Recording:
        """Read the file, or simulate the subject.

        Raises
        ------
        EiferError
            As `read_recording` and `simulate_recording` do.
        """
        if self.recording is not None:
            from ..signals.readers import read_recording

            return read_recording(Path(self.recording), **self.choices)
        from ...models.synthetic.physiology import simulate_recording

        return simulate_recording(self.duration_s, self.rate_hz, self.seed, self.scheme)[0]

    def to_document(self) -> dict[str, Any]:
        """JSON-serialisable values."""
        return {"format_version": _FORMAT_VERSION, **asdict(self)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> PlaySettings:
        """What :meth:`to_document` gave."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in document.items() if key in known})
