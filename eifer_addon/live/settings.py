"""What a live session is told: source, montage, filters, model, conditioning; JSON both ways."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from ..errors import EiferError
from ..signals.one_euro import one_euro_delay_ms
from .stream_facts import StreamSelector

FORMAT_VERSION = 1
#: Lowest and highest of each number of a `Conditioning`; sliders use the same.
LIMITS: dict[str, tuple[float, float]] = {
    "dead_zone": (0.0, 0.5),
    "gain": (0.0, 10.0),
    "min_cutoff_hz": (0.0, 50.0),
    "beta": (0.0, 100.0),
}
_FILLS = ("rest", "mirror")
_SLOWEST, _FASTEST = 0.01, 100.0
_MAINS_HZ = (45.0, 65.0)


@dataclass(frozen=True)
class Conditioning:
    """What is done to the model's coefficients; neutral by default, and changeable while live.

    Attributes
    ----------
    dead_zone : float
        A coefficient below this is 0; from twice this on it is untouched; between, it rises
        steadily.
    gain : float
        Factor of all coefficients.
    gains : mapping of str to float
        Factor by muscle, before the model; ``"zygomaticus"`` means both sides.
    min_cutoff_hz, beta : float
        One Euro smoothing: cutoff at rest, 0 switches it off, and its rise per unit of speed.
    clamp : bool
        Whether coefficients are kept inside the bounds of their expression space.
    """

    dead_zone: float = 0.0
    gain: float = 1.0
    gains: Mapping[str, float] = field(default_factory=dict)
    min_cutoff_hz: float = 0.0
    beta: float = 0.0
    clamp: bool = True

    def __post_init__(self) -> None:
        numbers = [(name, getattr(self, name)) for name in LIMITS]
        numbers += [("gain", value) for value in self.gains.values()]
        for name, value in numbers:
            low, high = LIMITS[name]
            if not low <= value <= high:
                raise EiferError(
                    f"The {name.replace('_', ' ')} of {value:g} is out of range.",
                    f"Choose {low:g} to {high:g}.",
                )

    @property
    def delay_ms(self) -> float:
        """Longest delay of the smoothing, at rest; it is shorter the faster the face moves."""
        return one_euro_delay_ms(self.min_cutoff_hz) if self.min_cutoff_hz else 0.0

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Conditioning:
        """What `LiveSettings.to_document` holds under ``"conditioning"``."""
        return cls(**_known(cls, document))


@dataclass(frozen=True)
class LiveSettings:
    """Everything that a live session needs; the header of its journals.

    Attributes
    ----------
    stream : StreamSelector or None
        Which LSL stream; None when a recording is played.
    recording : str
        Path of a recording that is played instead of a stream.
    speed : float
        Of the replay: 1 is real time.
    loop : bool
        Whether the replay begins again at its end.
    reading : mapping
        Choices of `read_recording` for the replay.
    montage : mapping of str to str, str or None
        Channel, or pair as ``"A - B"``, to muscle (see `contents.as_names`); a file; or None for
        the channels' names.
    profile : mapping, str or None
        A subject's profile or its file; None estimates rest and scale from the running signal.
    unmix : bool
        Take out the cross-talk that the profile holds.
    preset : str
        Filter preset, used causally.
    mains_hz : float or None
        Where to put notches (with harmonics); 0 for none, None listens for mains hum in the
        first seconds.
    model : str
        Path of an ONNX model of the kind ``emg2exp``, or ``"baseline"``; empty takes the
        profile's expression gains where there are some, else the baseline.
    fill : {"rest", "mirror"}
        What stands for muscles that were not recorded.
    envelopes : bool
        True when the channels are envelopes already.
    conditioning : Conditioning
    journal_folder : str
        Where takes are written.
    subject : str
        A pseudonym, never a name.
    units : str
        The channels' unit, where the stream does not say.
    outgoing : mapping
        Where the coefficients are sent, see `live.outgoing`.
    """

    stream: StreamSelector | None = None
    recording: str = ""
    speed: float = 1.0
    loop: bool = False
    reading: Mapping[str, Any] = field(default_factory=dict)
    montage: Mapping[str, Any] | str | None = None
    profile: Mapping[str, Any] | str | None = None
    unmix: bool = False
    preset: str = "live"
    mains_hz: float | None = None
    model: str = ""
    fill: str = "rest"
    envelopes: bool = False
    conditioning: Conditioning = field(default_factory=Conditioning)
    journal_folder: str = ""
    subject: str = ""
    units: str = ""
    outgoing: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if bool(self.recording) == (self.stream is not None):
            raise EiferError(
                "A live session needs one source.", "Name either a stream or a recording."
            )
        if not _SLOWEST <= self.speed <= _FASTEST:
            raise EiferError(
                f"A recording cannot be played at {self.speed:g} times its speed.",
                f"Choose {_SLOWEST:g} to {_FASTEST:g}.",
            )
        if self.fill not in _FILLS:
            raise EiferError(
                f"'{self.fill}' is no way to fill missing muscles.", "Use 'rest' or 'mirror'."
            )
        if self.mains_hz and not _MAINS_HZ[0] <= self.mains_hz <= _MAINS_HZ[1]:
            raise EiferError(f"Mains of {self.mains_hz:g} Hz cannot be.", "Choose 50, 60 or 0.")
        if self.unmix and self.profile is None:
            raise EiferError("Unmixing needs a profile.", "Give one, or leave unmixing off.")

    def with_conditioning(self, conditioning: Conditioning) -> LiveSettings:
        """The same with other conditioning."""
        return replace(self, conditioning=conditioning)

    def describe_source(self) -> str:
        """The source for sentences."""
        if self.stream is not None:
            return f"the stream with {self.stream.describe()}"
        return f"the recording {self.recording}"

    def to_document(self) -> dict[str, Any]:
        """JSON-serialisable values."""
        document = asdict(self)
        document["stream"] = None if self.stream is None else self.stream.to_document()
        return {"format_version": FORMAT_VERSION, **document}

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | str) -> LiveSettings:
        """Settings from :meth:`to_document` or its JSON text; `EiferError` for anything else."""
        try:
            values = dict(json.loads(document) if isinstance(document, str) else document)
            if int(values.pop("format_version", FORMAT_VERSION)) > FORMAT_VERSION:
                raise EiferError("These live settings need a newer EIFER.", "Update the add-on.")
            stream = values.get("stream")
            known = _known(cls, values)
            known["stream"] = None if stream is None else StreamSelector.from_document(stream)
            known["conditioning"] = Conditioning.from_document(values.get("conditioning", {}))
            return cls(**known)
        except (ValueError, TypeError, AttributeError) as error:
            raise EiferError("The live settings cannot be read.", "Set them anew.") from error


def _known(cls: type, document: Mapping[str, Any]) -> dict[str, Any]:
    names = {entry.name for entry in fields(cls)}
    return {key: value for key, value in document.items() if key in names}
