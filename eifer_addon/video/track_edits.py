"""What a person changes about a track after the take: described as numbers, like `signals.edits`.

A `TrackEdits` is a few numbers that fit a JSON text; `clean_up.clean_up` applies it to a track,
always in the same way and without looking at the film again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ..edit_documents import known_values, object_of
from ..errors import EiferError
from ..regions import EXPRESSION, EYES, REGIONS
from ..spaces import ARKIT_NAMES

FORMAT_VERSION = 1
#: What such a document is called in sentences.
_WORDS = ("The clean-up", "A clean-up")
#: How the frame that becomes rest is chosen.
AS_FILMED, CALM, CHOSEN = "", "calm", "frame"
NEUTRALS = (AS_FILMED, CALM, CHOSEN)
#: Lowest and highest of each number; the panel's sliders use the same.
LIMITS: dict[str, tuple[float, float]] = {
    "gain": (0.0, 5.0),
    "offset": (-1.0, 1.0),
    "symmetry": (0.0, 1.0),
    "eyelids": (0.0, 1.0),
    "gaze": (0.0, 1.0),
    "smoothing_hz": (0.0, 30.0),
    "eyelid_smoothing_hz": (0.0, 30.0),
    "head_smoothing_hz": (0.0, 30.0),
    "head_motion": (0.0, 1.0),
    "neutral_s": (-1e6, 1e6),
}
_NAMES = (*REGIONS, EYES, EXPRESSION)
_SCALARS = tuple(name for name in LIMITS if name not in ("gain", "offset"))
_SWITCHES = ("mirror", "level_head")


@dataclass(frozen=True)
class TrackEdits:
    """Changes of a track, none by default; applied in the order in which they stand here.

    Attributes
    ----------
    neutral : str
        What becomes rest: ``""`` leaves it, ``"calm"`` takes the calmest stretch of the track,
        ``"frame"`` the frame at `neutral_s`. Full movement stays full movement.
    neutral_s : float
        The track's time of that frame.
    mirror : bool
        Left becomes right, of face, head pose and camera: as a film that is flipped.
    symmetry : float
        0 leaves the sides as they are, 1 gives both their mean. Gaze is left alone.
    gain, offset : mapping of str to float
        Factor (0 to 5), and what is added to it (-1 to 1), by part of the face ("brow",
        "eyelids", "gaze", "eyes" for both, "cheek", "nose", "mouth", "jaw", "tongue"), by part
        and side ("mouth.left") or by coefficient ("mouthSmileLeft"); the most particular counts.
    eyelids : float
        0 to 1: how far lids are steadied. Both close together unless one winks, flutter is taken
        out, and a blink closes the eye.
    gaze : float
        0 to 1: how far fixations are held still; saccades stay as quick as they are.
    smoothing_hz : float
        Zero-phase smoothing of everything but eyelids and gaze: what is faster loses half its
        power from here on. 0 is off.
    eyelid_smoothing_hz, head_smoothing_hz : float
        The same for eyelids and for the head's pose.
    head_motion : float
        1 leaves the head's motion, 0 takes it away.
    level_head : bool
        The head's mean pose (or that of the neutral frame) becomes straight ahead.
    """

    neutral: str = AS_FILMED
    neutral_s: float = 0.0
    mirror: bool = False
    symmetry: float = 0.0
    gain: Mapping[str, float] = field(default_factory=dict)
    offset: Mapping[str, float] = field(default_factory=dict)
    eyelids: float = 0.0
    gaze: float = 0.0
    smoothing_hz: float = 0.0
    eyelid_smoothing_hz: float = 0.0
    head_smoothing_hz: float = 0.0
    head_motion: float = 1.0
    level_head: bool = False

    def __post_init__(self) -> None:
        if self.neutral not in NEUTRALS:
            raise EiferError(f"There is no neutral '{self.neutral}'.", "Use '', 'calm' or 'frame'.")
        for name, what, value in self._numbers():
            low, high = LIMITS[name]
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise EiferError(f"The {what} is no number.", f"Use {low:g} to {high:g}.")
            if not low <= value <= high:
                raise EiferError(f"The {what} cannot be {value:g}.", f"Use {low:g} to {high:g}.")

    def _numbers(self) -> Iterator[tuple[str, str, Any]]:
        """Limit, words and value of every number."""
        for name in _SCALARS:
            yield name, name.replace("_", " "), getattr(self, name)
        for name in ("gain", "offset"):
            for part, value in getattr(self, name).items():
                known, dot, side = part.partition(".")
                of_a_side = known in _NAMES and (not dot or side in ("left", "right"))
                if part not in ARKIT_NAMES and not of_a_side and not _is_parameter(part):
                    raise EiferError(
                        f"There is no part of the face '{part}' ({name}).",
                        f"Use one of {', '.join(_NAMES)}, or a coefficient such as 'jawOpen'.",
                    )
                yield name, f"{name} of {part}", value

    @property
    def is_neutral(self) -> bool:
        """Whether nothing is changed."""
        return self == TrackEdits(neutral_s=self.neutral_s)

    def changed(self, values: Mapping[str, Any] | str) -> TrackEdits:
        """The same with some values replaced, which may be JSON text; as :meth:`from_document`."""
        return TrackEdits.from_document(self.as_document() | object_of(values, _WORDS[0]))

    def as_document(self) -> dict[str, Any]:
        """What is stored as JSON."""
        document = asdict(self) | {"gain": dict(self.gain), "offset": dict(self.offset)}
        return {"format_version": FORMAT_VERSION, **document}

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | str) -> TrackEdits:
        """Read what :meth:`as_document` gave, also as JSON text.

        Raises
        ------
        EiferError
            For text that is no JSON, unknown names, or values out of range.
        """
        names = [f.name for f in fields(cls)]
        values = known_values(document, *_WORDS, names, ("gain", "offset"), FORMAT_VERSION)
        for name in _SWITCHES:
            values[name] = bool(values.get(name))
        values["neutral"] = str(values.get("neutral", AS_FILMED))
        return cls(**values)


def _is_parameter(name: str) -> bool:
    """Whether a name is a coefficient of a model's own space."""
    return name.startswith(("exp.", "jaw.", "eyelid."))
