"""What a person changes about a take, in the signal: described as numbers, applied the same always.

An `Edits` is a few numbers that fit a JSON text. `apply_edits` makes another `Activity` from a
recording or from an activity. The order is fixed: filter preset, left and right swapped, rest
level, gain, symmetry, smoothing, dead zone, delay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np

from ..edit_documents import known_values, object_of
from ..errors import EiferError
from ..seals import RECIPE, opened_note, sealed
from .activity import Activity
from .montage import muscle_names
from .one_euro import OneEuro, one_euro_delay_ms
from .recording import Recording

FORMAT_VERSION = 1
#: What such a document is called in sentences.
_WORDS = ("The edits", "An edit")
_SIDES = ("left", "right")
_OTHER = {"left": "right", "right": "left"}
#: Lowest and highest of each number; the panel's sliders use the same.
LIMITS: dict[str, tuple[float, float]] = {
    "gain": (0.0, 10.0),
    "baseline": (-0.9, 0.9),
    "delay_ms": (-1000.0, 1000.0),
    "min_cutoff_hz": (0.0, 50.0),
    "beta": (0.0, 100.0),
    "dead_zone": (0.0, 0.5),
    "symmetry": (0.0, 1.0),
}


@dataclass(frozen=True)
class Edits:
    """Changes of a take, neutral by default.

    Attributes
    ----------
    preset : str
        Filter preset; empty leaves the take's own.
    swap_sides : bool
        What was recorded on the left drives the right and the other way round.
    baseline : mapping of str to float
        By muscle, how far rest is raised (0 to 0.9) or lowered (down to -0.9), as a part of full
        effort. Full effort stays 1. Lowering needs what lay below rest (`Activity.unclamped`).
    gain : mapping of str to float
        Factor by muscle (0 to 10). ``"zygomaticus"`` means both sides, ``"zygomaticus.left"``
        goes before it; the same holds for `baseline`.
    symmetry : float
        0 leaves the sides as measured, 1 gives both their mean.
    min_cutoff_hz, beta : float
        One Euro smoothing: cutoff at rest (0 switches it off) and its rise per unit of speed.
    dead_zone : float
        Activity below this is 0; from twice this on it is untouched; between, it rises steadily.
    delay_ms : float
        How much later the face moves than the signal; negative is earlier.
    """

    preset: str = ""
    swap_sides: bool = False
    baseline: Mapping[str, float] = field(default_factory=dict)
    gain: Mapping[str, float] = field(default_factory=dict)
    symmetry: float = 0.0
    min_cutoff_hz: float = 0.0
    beta: float = 0.0
    dead_zone: float = 0.0
    delay_ms: float = 0.0

    def __post_init__(self) -> None:
        if self.preset:
            # Here, because SciPy is slow to load and sliders need only the limits above.
            from .presets import get_preset

            get_preset(self.preset)
        for name, what, value in self._numbers():
            low, high = LIMITS[name]
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise EiferError(f"The {what} is no number.", f"Use {low:g} to {high:g}.")
            if not low <= value <= high:
                raise EiferError(f"The {what} cannot be {value:g}.", f"Use {low:g} to {high:g}.")

    def _numbers(self) -> Iterator[tuple[str, str, Any]]:
        """Limit, words and value of every number."""
        for name in ("symmetry", "min_cutoff_hz", "beta", "dead_zone", "delay_ms"):
            yield name, name.replace("_", " "), getattr(self, name)
        for name in ("gain", "baseline"):
            for muscle, value in getattr(self, name).items():
                known, dot, side = muscle.partition(".")
                if known not in muscle_names() or (dot and side not in _SIDES):
                    raise EiferError(
                        f"There is no muscle '{muscle}' ({name}).",
                        "Use a name such as 'zygomaticus.left'.",
                    )
                yield name, f"{name} of {muscle}", value

    @property
    def is_neutral(self) -> bool:
        """Whether nothing but perhaps the preset is changed."""
        return replace(self, preset="") == Edits()

    @property
    def smoothing_delay_ms(self) -> float:
        """The longest delay of the smoothing, at rest; 0 when it is off."""
        if not self.min_cutoff_hz:
            return 0.0
        return one_euro_delay_ms(self.min_cutoff_hz)

    def changed(self, values: Mapping[str, Any] | str) -> Edits:
        """The same with some values replaced, which may be JSON text; as :meth:`from_document`."""
        return Edits.from_document(self.as_document() | object_of(values, _WORDS[0]))

    def as_document(self) -> dict[str, Any]:
        """What is stored as JSON."""
        document = asdict(self)
        document["gain"], document["baseline"] = dict(self.gain), dict(self.baseline)
        return {"format_version": FORMAT_VERSION, **document}

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | str) -> Edits:
        """Read what :meth:`as_document` gave, also as JSON text.

        Raises
        ------
        EiferError
            For text that is no JSON, unknown names, or values out of range.
        """
        names = [f.name for f in fields(cls)]
        values = known_values(document, *_WORDS, names, ("gain", "baseline"), FORMAT_VERSION)
        values["swap_sides"] = bool(values.get("swap_sides"))
        values["preset"] = str(values.get("preset", ""))
        return cls(**values)


def apply_edits(signal: Activity | Recording, edits: Edits, **conversion: Any) -> Activity:
    """Apply edits to a recording or an activity; nothing depends on chance or on the machine.

    Parameters
    ----------
    signal : Activity or Recording
        A recording is first converted by the edits' preset, ``"clinical"`` where they name none.
    edits : Edits
    **conversion
        ``rate_hz``, ``profile``, ``montage``, ``repair`` of `convert.to_activity`, for a recording.

    Returns
    -------
    Activity
        With what was done in `filters`, the edits in ``source["edits"]`` and the smoothing's
        longest delay added to `delay_ms`; the same activity when the edits are neutral.

    Raises
    ------
    EiferError
        When an activity shall get another preset than it was made with, and as `to_activity`.
    """
    if isinstance(signal, Recording):
        from .convert import to_activity

        activity = to_activity(signal, preset=edits.preset or "clinical", **conversion)
    else:
        activity = signal
        made_with = str(activity.source.get("preset", ""))
        if edits.preset and made_with not in ("", "none", edits.preset):
            raise EiferError(
                f"The activity was made with the preset '{made_with}', not '{edits.preset}'.",
                "Start from the recording.",
            )
    return activity if edits.is_neutral else _edited(activity, edits)


def _edited(measured: Activity, edits: Edits) -> Activity:
    """All edits but the preset, in their order."""
    words: list[str] = []
    activity = measured
    if edits.swap_sides:
        activity = _with_sides_swapped(activity)
        words.append("left and right swapped")
    rest, lacking_rest = _per_muscle(edits.baseline, activity.muscles, 0.0)
    gain, lacking_gain = _per_muscle(edits.gain, activity.muscles, 1.0)
    values = np.maximum(_above_rest(activity, rest) - rest, 0.0) / (1.0 - rest) * gain
    words += _listed("rest moved by", edits.baseline) + _listed("gain", edits.gain)
    if lacking := sorted({*lacking_rest, *lacking_gain}):
        words.append(f"edits of muscles that were not recorded left out: {', '.join(lacking)}")
    values = _shaped(values, activity, edits, words)
    if edits.delay_ms:
        words.append(f"moved by {edits.delay_ms:+g} ms")
    # Zero gain has no finite scale; the scale then stays what was measured.
    scale = activity.scale * (1.0 - rest) / np.where(gain > 0, gain, 1.0)
    result = values.astype(np.float32)
    note = _edited_note(measured, result, edits)
    return replace(
        activity,
        values=result,
        baseline=activity.baseline + rest * activity.scale,
        scale=scale,
        filters=(*activity.filters, *words),
        delay_ms=round(activity.delay_ms + edits.smoothing_delay_ms, 1),
        start_s=activity.start_s + edits.delay_ms / 1000.0,
        source={**activity.source, "edits": edits.as_document(), **note},
        unclamped=None,
    )


def _shaped(values: np.ndarray, activity: Activity, edits: Edits, words: list[str]) -> np.ndarray:
    """Symmetry, smoothing and dead zone; what was done is added to `words`."""
    if edits.symmetry:
        values = _symmetrical(values, activity.muscles, edits.symmetry)
        words.append(f"symmetry {edits.symmetry:g}")
    if edits.min_cutoff_hz:
        smoother = OneEuro(activity.rate_hz, edits.min_cutoff_hz, edits.beta)
        values = smoother.process(values)
        words.append(_smoothing_words(edits))
    if edits.dead_zone:
        values = np.clip(2.0 * (values - edits.dead_zone), 0.0, values)
        words.append(f"dead zone {edits.dead_zone:g}")
    return values


def _above_rest(activity: Activity, rest: np.ndarray) -> np.ndarray:
    """Values (n_frames, n_muscles) before anything is cut at rest, where rest shall be lower."""
    known = activity.unclamped
    if known is not None and np.array_equal(np.maximum(known, 0.0), activity.values):
        return known.astype(np.float64)
    if (rest < 0).any():
        raise EiferError(
            "Rest cannot be lowered here: what lay below it is not known any more.",
            "Start from the recording.",
        )
    return activity.values.astype(np.float64)


def _edited_note(activity: Activity, values: np.ndarray, edits: Edits) -> dict[str, Any]:
    """How to make it again, with the edits; nothing once edits were put on edits."""
    note = opened_note(activity.source.get(RECIPE), activity.values)
    if note is None or "edits" in note:
        return {RECIPE: None} if RECIPE in activity.source else {}
    document = edits.changed({"preset": ""}).as_document()
    return {RECIPE: sealed({**note, "edits": document}, values)}


def _smoothing_words(edits: Edits) -> str:
    return (
        f"One Euro smoothing ({edits.min_cutoff_hz:g} Hz, beta {edits.beta:g}), "
        f"{edits.smoothing_delay_ms:.0f} ms late at rest and less the faster it moves"
    )


def _listed(what: str, values: Mapping[str, float]) -> list[str]:
    named = ", ".join(f"{muscle} {value:g}" for muscle, value in sorted(values.items()))
    return [f"{what}: {named}"] if named else []


def _per_muscle(
    values: Mapping[str, float], muscles: tuple[str, ...], neutral: float
) -> tuple[np.ndarray, list[str]]:
    """One number per muscle (n_muscles,), and the names that no muscle answers to."""
    found = [values.get(m, values.get(m.partition(".")[0], neutral)) for m in muscles]
    answering = {*muscles, *(m.partition(".")[0] for m in muscles)}
    return np.array(found, np.float64), [name for name in values if name not in answering]


def _opposite(muscle: str) -> str:
    name, _, side = muscle.partition(".")
    return f"{name}.{_OTHER[side]}" if side in _OTHER else muscle


def _with_sides_swapped(activity: Activity) -> Activity:
    """The same columns under the other side's name, left still before right."""
    order = [f"{muscle}.{side}" for muscle in muscle_names() for side in _SIDES]
    renamed = [_opposite(muscle) for muscle in activity.muscles]
    places = sorted(
        range(len(renamed)),
        key=lambda k: order.index(renamed[k]) if renamed[k] in order else len(order),
    )
    return replace(
        activity,
        values=activity.values[:, places],
        unclamped=None if activity.unclamped is None else activity.unclamped[:, places],
        muscles=tuple(renamed[k] for k in places),
        baseline=activity.baseline[places],
        scale=activity.scale[places],
        channels=tuple(activity.channels[k] for k in places),
    )


def _symmetrical(values: np.ndarray, muscles: tuple[str, ...], amount: float) -> np.ndarray:
    """Each side moved towards the mean of both; a muscle with one side stays as it is."""
    result = values.copy()
    for k, muscle in enumerate(muscles):
        other = _opposite(muscle)
        if other in muscles and other != muscle:
            share = amount / 2.0
            result[:, k] = (1.0 - share) * values[:, k] + share * values[:, muscles.index(other)]
    return result
