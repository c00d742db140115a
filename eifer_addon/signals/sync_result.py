"""What a synchronisation is, whichever way it was found, and putting it to use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..errors import EiferError
from ..files import atomic_path
from ..track import ExpressionTrack
from .activity import Activity
from .recording import Recording

FORMAT_VERSION = 1
EVENTS, LIGHT, CURVES, BY_HAND, START = "events", "light", "curves", "by hand", "start"
METHODS = (EVENTS, LIGHT, CURVES, BY_HAND, START)
#: Below this a person should look at the result before relying on it.
DOUBTFUL_BELOW = 0.5
Item = TypeVar("Item", Recording, Activity, ExpressionTrack)


@dataclass(frozen=True)
class Sync:
    """How a second clock lies to a first one.

    ``first = seconds + (1 + drift_ppm / 1e6) * second``

    Attributes
    ----------
    seconds : float
        Time on the first clock when the second one shows 0.
    drift_ppm : float
        By how many microseconds a second the second clock is slow; 0 where no drift stands out
        of the noise.
    confidence : float
        0 to 1; under 0.5 somebody should look.
    method : str
        ``"events"``, ``"light"``, ``"curves"``, ``"by hand"`` or ``"start"``.
    matched : int
        Events or edges that agree; 0 for other methods.
    residual_ms : float
        Their root mean square distance after the shift.
    drift_error_ppm : float
        Standard error of the drift; infinite where it could not be measured.
    notes : tuple of str
        What else a person should know.
    error_ms : float
        Standard error of the offset; infinite where it is not known.
    """

    seconds: float
    drift_ppm: float = 0.0
    confidence: float = 1.0
    method: str = BY_HAND
    matched: int = 0
    residual_ms: float = 0.0
    drift_error_ppm: float = float("inf")
    notes: tuple[str, ...] = ()
    error_ms: float = float("inf")

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise EiferError(
                f"There is no way '{self.method}' to synchronise.",
                f"The ways are: {', '.join(METHODS)}.",
            )
        if not (np.isfinite(self.seconds) and abs(self.drift_ppm) < 1e5):
            raise EiferError(
                f"A shift of {self.seconds:g} s with a drift of {self.drift_ppm:g} ppm cannot be.",
                "Give finite seconds, and a drift under 100,000 ppm.",
            )

    @property
    def rate(self) -> float:
        """Seconds of the first clock in a second of the second one."""
        return 1.0 + self.drift_ppm / 1e6

    def to_first(self, times_s: np.ndarray) -> np.ndarray:
        """Times of the second clock on the first."""
        return np.asarray(self.seconds + self.rate * np.asarray(times_s, np.float64))

    def to_second(self, times_s: np.ndarray) -> np.ndarray:
        """Times of the first clock on the second."""
        return np.asarray((np.asarray(times_s, np.float64) - self.seconds) / self.rate)

    def as_document(self) -> dict[str, Any]:
        """What is stored as JSON; an unknown error is null."""
        errors = {
            name: value if np.isfinite(value := getattr(self, name)) else None
            for name in ("drift_error_ppm", "error_ms")
        }
        document = asdict(self) | errors | {"notes": list(self.notes)}
        return {"format_version": FORMAT_VERSION, "kind": "sync", **document}

    @classmethod
    def from_document(cls, document: Mapping[str, Any], name: str = "The file") -> Sync:
        """Read what :meth:`as_document` gave."""
        try:
            if document.get("kind") != "sync":
                raise KeyError("kind")
            if int(document["format_version"]) > FORMAT_VERSION:
                raise EiferError(f"{name} needs a newer EIFER.", "Update the add-on.")
            drift_error, error = document.get("drift_error_ppm"), document.get("error_ms")
            return cls(
                float(document["seconds"]), float(document.get("drift_ppm", 0.0)),
                float(document.get("confidence", 1.0)), str(document.get("method", BY_HAND)),
                int(document.get("matched", 0)), float(document.get("residual_ms", 0.0)),
                float("inf") if drift_error is None else float(drift_error),
                tuple(str(note) for note in document.get("notes", ())),
                float("inf") if error is None else float(error),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise EiferError(f"{name} holds no synchronisation.", "Synchronise again.") from error

    def save(self, path: str | Path, *, overwrite: bool = True) -> Path:
        """Write it as JSON."""
        with atomic_path(path, overwrite=overwrite) as temporary:
            temporary.write_text(json.dumps(self.as_document(), indent=2) + "\n", "utf-8")
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> Sync:
        """Read what :meth:`save` wrote."""
        name = Path(path).name
        try:
            return cls.from_document(json.loads(Path(path).read_text("utf-8")), name)
        except OSError as error:
            raise EiferError(f"{path} could not be read.", "Check the path.") from error
        except ValueError as error:
            raise EiferError(f"{name} holds no synchronisation.", "Synchronise again.") from error

    def describe(self) -> str:
        """A few lines that a person can read."""
        doubt = "" if self.confidence >= DOUBTFUL_BELOW else ": please check"
        drift = f"drift {self.drift_ppm:+.1f} ppm"
        if np.isfinite(self.drift_error_ppm):
            drift += f" (standard error {self.drift_error_ppm:.1f})"
        within = f" (within {2 * self.error_ms:.0f} ms)" if np.isfinite(self.error_ms) else ""
        lines = [
            f"Synchronised ({self.method}): the second clock's 0 is at {self.seconds:.4f} s of the "
            f"first{within}, {drift}, confidence {self.confidence:.2f}{doubt}"
        ]
        if self.matched:
            lines.append(f"  {self.matched} agree, {self.residual_ms:.1f} ms apart (RMS)")
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


def shifted(item: Item, sync: Sync) -> Item:
    """Put a recording, activity or track of the second clock onto the first one.

    No sample is made anew: times, rates and events change.

    Parameters
    ----------
    item : Recording, Activity or ExpressionTrack
    sync : Sync

    Returns
    -------
    Recording, Activity or ExpressionTrack
        Of the same kind, with what was done in its source or provenance under ``"sync"``.
    """
    document = sync.as_document()
    if isinstance(item, ExpressionTrack):
        times = sync.to_first(item.timestamps)
        return replace(item, timestamps=times, provenance={**item.provenance, "sync": document})
    start = float(sync.to_first(np.array([item.start_s]))[0])
    source = {**item.source, "sync": document}
    if isinstance(item, Recording):
        moved = tuple(
            replace(e, onset_s=e.onset_s * sync.rate, duration_s=e.duration_s * sync.rate)
            for e in item.events
        )
        return replace(
            item, rate_hz=item.rate_hz / sync.rate, start_s=start, events=moved, source=source
        )
    events = tuple(
        (sync.seconds + sync.rate * onset, name, duration * sync.rate)
        for onset, name, duration in item.events
    )
    return replace(
        item, rate_hz=item.rate_hz / sync.rate, start_s=start, events=events, source=source
    )
