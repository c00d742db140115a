"""Calibration: what rest and full effort are for one subject, muscle by muscle.

A profile is made once from a recording in which the subject rests and goes through the eleven
functional movements that Schaede and others use (`data/movements.json`), found by events, by
given windows or from the activity itself. `normalise` then reads 0 and 1 from it instead of
estimating them from each take, so that takes of one subject can be compared. After the
electrodes were put on again, `redonning.adjust` carries a profile over with a minute of recording.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..files import atomic_path
from .convert import DEFAULT_RATE_HZ, envelopes_of_muscles
from .crosstalk import estimate_mixing
from .montage import Montage
from .movements import REST, find_movements
from .normalise import FORMAT_VERSION, load_document, rest_level
from .pairs import with_pairs
from .recording import Recording

_PERCENTILE = 95.0
#: A muscle whose strongest movement is less than this many spreads, or times the rest, above
#: rest was not moved: what is seen is its neighbours.
_LEAST_SPREADS, _LEAST_OVER_REST = 10.0, 2.0
_SHORTEST_REST_S = 0.5


@dataclass(frozen=True)
class MuscleProfile:
    """One muscle of one subject, in the channel's unit.

    Attributes
    ----------
    baseline : float
        Median of the envelope at rest.
    scale : float
        From the baseline to full effort, above 0.
    noise : float
        Robust standard deviation at rest.
    unit : str
    origin : str
        ``"mvc"``, the movement that gave the scale, or ``"others"`` for a muscle that no
        movement reached and that has the median scale of the others.
    """

    baseline: float
    scale: float
    noise: float
    unit: str = "?"
    origin: str = ""


@dataclass(frozen=True)
class Profile:
    """A subject's calibration.

    Attributes
    ----------
    muscles : mapping of str to MuscleProfile
        By muscle with side.
    preset : str
        The preset that the envelopes were made with; takes should use the same.
    subject : str
    movements : mapping of str to tuple
        Seconds ``(start, stop)`` by movement.
    source : mapping
        ``file`` and ``sha256`` of the recording.
    crosstalk : mapping
        ``channels`` and ``mixing`` (rows: channels, columns: muscles under them), or empty.
        Used only by ``to_activity(…, unmix=True)``.
    efforts : mapping of str to mapping
        Effort above rest by movement and muscle, in the channel's unit, for `redonning.adjust`.
    gains : mapping
        Expression gains (`gains.ExpressionGains.as_document`), or empty.
    adjusted : mapping
        What `redonning.adjust` did last, or empty.
    """

    muscles: Mapping[str, MuscleProfile]
    preset: str = "clinical"
    subject: str = ""
    movements: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    crosstalk: Mapping[str, Any] = field(default_factory=dict)
    efforts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    gains: Mapping[str, Any] = field(default_factory=dict)
    adjusted: Mapping[str, Any] = field(default_factory=dict)

    def as_document(self) -> dict[str, Any]:
        """What is written as JSON, and what `to_activity` takes as ``profile=``."""
        return {
            "format_version": FORMAT_VERSION, "kind": "profile", "subject": self.subject,
            "preset": self.preset,
            "movements": {name: list(window) for name, window in self.movements.items()},
            "source": dict(self.source),
            "muscles": {name: vars(entry) for name, entry in self.muscles.items()},
            "crosstalk": dict(self.crosstalk),
            "efforts": {name: dict(row) for name, row in self.efforts.items()},
            "gains": dict(self.gains), "adjusted": dict(self.adjusted),
        }  # fmt: skip

    def save(self, path: str | Path, *, overwrite: bool = True) -> Path:
        """Write the profile as JSON."""
        text = json.dumps(self.as_document(), indent=2, ensure_ascii=False)
        with atomic_path(path, overwrite=overwrite) as temporary:
            temporary.write_text(text + "\n", "utf-8")
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> Profile:
        """Read a profile that :meth:`save` wrote, or one with baseline and scale alone."""
        document = load_document(path)
        try:
            muscles = {
                name: MuscleProfile(
                    float(entry["baseline"]), float(entry["scale"]), float(entry.get("noise", 0)),
                    str(entry.get("unit", "?")), str(entry.get("origin", "")),
                )
                for name, entry in document["muscles"].items()
            }  # fmt: skip
            movements = {
                str(name): (float(start), float(stop))
                for name, (start, stop) in dict(document.get("movements", {})).items()
            }
            return cls(
                muscles, str(document.get("preset", "clinical")), str(document.get("subject", "")),
                movements, dict(document.get("source", {})), dict(document.get("crosstalk", {})),
                {
                    str(name): {str(muscle): float(value) for muscle, value in row.items()}
                    for name, row in dict(document.get("efforts", {})).items()
                },
                dict(document.get("gains", {})), dict(document.get("adjusted", {})),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise EiferError(
                f"{Path(path).name} is not a subject profile.", "Calibrate again."
            ) from error

    def describe(self) -> str:
        """A few lines that a person can read."""
        # The times of an adjusted profile are those of the recording that it was first made from.
        first = f" of {Path(str(self.source.get('file', '?'))).name}" if self.adjusted else ""
        moves = (f"  {n}: {a:.1f} to {b:.1f} s{first}" for n, (a, b) in self.movements.items())
        rows = (
            f"  {name}: rest {m.baseline:.3g}, full {m.baseline + m.scale:.3g}, "
            f"noise {m.noise:.2g} {'(unit unknown)' if m.unit == '?' else m.unit} ({m.origin})"
            for name, m in self.muscles.items()
        )
        head = (
            f"Profile{f' of {self.subject}' if self.subject else ''}: {len(self.muscles)} muscles"
        )
        return "\n".join([f"{head}, preset {self.preset}", *moves, *rows, *self._more()])

    def _more(self) -> Iterator[str]:
        """Lines about the parts that not every profile has."""
        if self.gains:
            fit = dict(self.gains.get("fit", {}))
            yield (
                f"  expression gains in {self.gains.get('space')} from {len(fit.get('poses', ()))} "
                f"poses ({fit.get('origin')}): RMS error of poses left out {fit.get('error')}, "
                f"before {fit.get('error_before')}"
            )
        if self.crosstalk:
            yield f"  cross-talk of {len(self.crosstalk.get('channels', ()))} channels"
        for words in self.adjusted.get("notes", ()):
            yield f"  adjusted: {words}"


def calibrate(
    recording: Recording,
    *,
    windows: Mapping[str, tuple[float, float]] | None = None,
    mvc: Mapping[str, float] | None = None,
    preset: str = "clinical",
    montage: Montage | Mapping[str, str | None] | str | Path | None = None,
    subject: str = "",
    crosstalk: bool = False,
) -> Profile:
    """Make a profile from a recording of rest and movements.

    Parameters
    ----------
    recording : Recording
        Raw EMG or envelopes.
    windows : mapping of str to tuple, optional
        Seconds ``(start, stop)`` by movement; ``"face_at_rest"`` is rest. None takes the
        recording's events, and where there are none, finds them in the activity.
    mvc : mapping of str to float, optional
        Envelope at maximal voluntary contraction by muscle, in the channel's unit.
    preset : str
        The same as for the takes.
    montage : optional
        As for `to_activity`.
    subject : str
        A pseudonym, never a name.
    crosstalk : bool
        Estimate also how much of each muscle the other channels see (`signals.crosstalk`).

    Returns
    -------
    Profile

    Raises
    ------
    EiferError
        When windows lie outside of the recording, rest is too short, or nothing moves.
    """
    found, envelopes, rate = envelopes_of_muscles(recording, preset, DEFAULT_RATE_HZ, montage)
    recording = with_pairs(recording, found.channels.values())
    movements = find_movements(recording, envelopes, rate, windows, found.muscles)
    rest = rest_of(envelopes, rate, movements)
    efforts = efforts_of(envelopes, rate, movements) - rest[:, :1]
    names = [name for name in movements if name != REST]
    scale = efforts.max(axis=1)
    moved = scale > np.maximum(_LEAST_SPREADS * rest[:, 1], _LEAST_OVER_REST * rest[:, 0])
    if not moved.any() and not mvc:
        raise EiferError(
            "No muscle rises above rest in the calibration movements.",
            "Check the windows or events, and that the channels carry EMG.",
        )
    scale[~moved] = np.median(scale[moved]) if moved.any() else 1.0
    origins = np.where(moved, np.array(names)[efforts.argmax(axis=1)], "others")
    units = dict(zip(recording.channels, recording.units, strict=True))
    entries = {}
    for k, muscle in enumerate(found.muscles):
        entry = MuscleProfile(
            float(rest[k, 0]), float(scale[k]), float(rest[k, 1]),
            units[found.channels[muscle]], str(origins[k]),
        )  # fmt: skip
        entries[muscle] = _with_mvc(entry, muscle, mvc or {})
    used = "none" if recording.holds_envelope else preset
    channels = list(dict.fromkeys(found.channels.values()))
    return Profile(
        entries, used, subject, movements, source_of(recording),
        crosstalk_of(recording, channels) if crosstalk else {},
        _by_movement(names, found.muscles, efforts),
    )  # fmt: skip


def source_of(recording: Recording) -> dict[str, Any]:
    """What a profile keeps of the recording that it was made from."""
    return {key: recording.source[key] for key in ("file", "sha256") if key in recording.source}


def _by_movement(
    names: list[str], muscles: tuple[str, ...], efforts: np.ndarray
) -> dict[str, dict[str, float]]:
    """Efforts (n_muscles, n_movements) as a profile keeps them."""
    return {
        name: {m: round(max(float(e), 0.0), 6) for m, e in zip(muscles, column, strict=True)}
        for name, column in zip(names, efforts.T, strict=True)
    }


def crosstalk_of(recording: Recording, channels: list[str]) -> dict[str, Any]:
    """What a profile keeps of the cross-talk between channels."""
    mixing = estimate_mixing(recording, channels)
    return {"channels": channels, "mixing": np.round(mixing, 4).tolist()}


def rest_of(
    envelopes: np.ndarray, rate_hz: float, movements: Mapping[str, tuple[float, float]]
) -> np.ndarray:
    """Baseline and spread of each muscle, (n_muscles, 2)."""
    part = envelopes
    if REST in movements:
        start, stop = movements[REST]
        if stop - start < _SHORTEST_REST_S:
            raise EiferError(
                f"Rest lasts {stop - start:.2f} s; at least {_SHORTEST_REST_S:g} s are needed.",
                "Give a longer window of rest.",
            )
        part = envelopes[round(start * rate_hz) : round(stop * rate_hz)]
        centre = np.median(part, axis=0)
        spread = 1.4826 * np.median(np.abs(part - centre), axis=0)
        return np.stack([centre, spread], axis=1)
    return np.array([rest_level(column, rate_hz) for column in part.T])


def efforts_of(
    envelopes: np.ndarray, rate_hz: float, movements: Mapping[str, tuple[float, float]]
) -> np.ndarray:
    """95th percentile of each muscle in each movement, (n_muscles, n_movements)."""
    rows = [
        np.percentile(envelopes[round(a * rate_hz) : round(b * rate_hz)], _PERCENTILE, axis=0)
        for name, (a, b) in movements.items()
        if name != REST
    ]
    return np.stack(rows, axis=1)


def _with_mvc(entry: MuscleProfile, muscle: str, mvc: Mapping[str, float]) -> MuscleProfile:
    if muscle not in mvc:
        return entry
    scale = float(mvc[muscle]) - entry.baseline
    if not (np.isfinite(scale) and scale > 0):
        raise EiferError(
            f"The maximum of {muscle} ({mvc[muscle]:g}) is not above its rest "
            f"({entry.baseline:.3g}).",
            "Give it in the recording's unit.",
        )
    return replace(entry, scale=scale, origin="mvc")
