"""Normalisation: 0 at rest, 1 at the strong end of what a muscle did in the recording.

Without a profile both numbers are estimated per muscle from its envelope:

- *baseline*: the median over the quietest tenth of the one-second stretches.
- *active frames*: those above the baseline by six times the spread at rest and by half of the
  baseline. Noise alone does not get there.
- *scale*: the 95th percentile of the active frames above the baseline, at least ten spreads.
- A muscle with less than 100 ms of active frames is *silent*. It gets the median scale of the
  muscles that did act, so that its noise keeps its true size beside them and is never blown
  up to a full expression.

A profile (from a calibration) replaces both numbers for the muscles that it names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError

#: 2 added efforts by movement and expression gains; 1 is still read.
FORMAT_VERSION = 2
_STRETCH_S = 1.0
_QUIET_PART = 0.1
_LEAST_STRETCHES = 2
_PERCENTILE = 95.0
_ACTIVE_SPREADS = 6.0
_ACTIVE_OF_BASELINE = 0.5
_LEAST_SCALE_SPREADS = 10.0
_LEAST_ACTIVE_S = 0.1
#: Of a silent muscle when no other one acted either: its noise then stays under about 0.3.
_SILENT_SPREADS = 20.0
_ESTIMATED = "baseline from the quietest tenth, scale from the 95th percentile of active frames"
#: Standard deviation of a normal distribution over its median absolute deviation.
_MAD_TO_SPREAD = 1.4826


@dataclass(frozen=True)
class Normalisation:
    """Baseline and scale per muscle.

    Attributes
    ----------
    baseline, scale : numpy.ndarray
        float64 (n_muscles,), in the channel's unit.
    silent : tuple of str
        Muscles that never acted.
    words : tuple of str
        What was done, for the filter text.
    """

    baseline: np.ndarray
    scale: np.ndarray
    silent: tuple[str, ...]
    words: tuple[str, ...]

    def apply(self, envelopes: np.ndarray) -> np.ndarray:
        """``max(0, (envelope - baseline) / scale)`` of (n_frames, n_muscles), float32."""
        return np.maximum(self.unclamped(envelopes), 0.0)

    def unclamped(self, envelopes: np.ndarray) -> np.ndarray:
        """``(envelope - baseline) / scale`` of (n_frames, n_muscles), float32, below rest too."""
        return ((envelopes - self.baseline) / self.scale).astype(np.float32)


def normalise(
    envelopes: np.ndarray,
    rate_hz: float,
    muscles: Sequence[str],
    profile: Any = None,
    preset: str = "",
    calibrated_as: Sequence[str] | None = None,
) -> Normalisation:
    """Estimate baseline and scale of each muscle, or take them from a profile.

    Parameters
    ----------
    envelopes : numpy.ndarray
        (n_frames, n_muscles), at least 0.
    rate_hz : float
        Frames per second.
    muscles : sequence of str
        One name with side per column.
    profile : Profile, mapping or path-like, optional
        See :func:`load_document`.
    preset : str
        What the envelopes were made with, to be compared with what the profile was made with.
    calibrated_as : sequence of str, optional
        The muscle of the profile that each column's channel was calibrated as, where that is not
        the muscle itself: a channel that stands for the other side, too, keeps its own scale.
    """
    rest = np.array([rest_level(column, rate_hz) for column in envelopes.T]).reshape(-1, 2)
    baseline, spread = rest[:, 0], rest[:, 1]
    scale = np.array(
        [
            _scale_of_active(column, rate_hz, b, s)
            for column, b, s in zip(envelopes.T, baseline, spread, strict=True)
        ]
    )
    is_silent = np.isnan(scale)
    if not is_silent.all():
        scale[is_silent] = np.maximum(
            np.median(scale[~is_silent]), _LEAST_SCALE_SPREADS * spread[is_silent]
        )
    scale[is_silent & np.isnan(scale)] = (_SILENT_SPREADS * spread)[is_silent & np.isnan(scale)]
    scale[~(scale > 0)] = 1.0
    words = [_ESTIMATED]
    if profile is not None:
        document = load_document(profile)
        names = calibrated_as or muscles
        words = _apply_profile(document["muscles"], names, baseline, scale, is_silent)
        made_with = document.get("preset", preset)
        if preset and made_with != preset:
            words.append(f"the profile was made with the preset '{made_with}': please check")
    silent = tuple(m for m, quiet in zip(muscles, is_silent, strict=True) if quiet)
    if silent:
        words.append(f"silent, scaled like the others: {', '.join(silent)}")
    return Normalisation(baseline, scale, silent, tuple(words))


def rest_level(envelope: np.ndarray, rate_hz: float) -> tuple[float, float]:
    """Median and robust spread of the quietest tenth of one-second stretches.

    Stretches without any change are a lost contact or padding, not rest, and do not count
    as long as there are others.
    """
    length = max(1, min(round(_STRETCH_S * rate_hz), len(envelope) // 10))
    count = len(envelope) // length
    stretches = envelope[: count * length].reshape(count, length)
    living = stretches[np.ptp(stretches, axis=1) > 0]
    if len(living):
        stretches = living
    keep = min(len(stretches), max(_LEAST_STRETCHES, round(_QUIET_PART * len(stretches))))
    quiet = stretches[np.argsort(stretches.mean(axis=1))[:keep]].ravel()
    baseline = float(np.median(quiet))
    return baseline, float(_MAD_TO_SPREAD * np.median(np.abs(quiet - baseline)))


def _scale_of_active(envelope: np.ndarray, rate_hz: float, baseline: float, spread: float) -> float:
    """95th percentile of the active frames above the baseline; NaN for a silent muscle."""
    threshold = max(_ACTIVE_SPREADS * spread, _ACTIVE_OF_BASELINE * baseline, np.finfo(float).tiny)
    above = envelope - baseline
    active = above[above > threshold]
    if len(active) < max(1.0, _LEAST_ACTIVE_S * rate_hz):
        return float("nan")
    return max(float(np.percentile(active, _PERCENTILE)), _LEAST_SCALE_SPREADS * spread)


def load_document(profile: Any) -> Mapping[str, Any]:
    """Check a profile, or read it from a JSON file.

    Parameters
    ----------
    profile : Profile, mapping or path-like
        ``{"format_version": 1, "muscles": {muscle: {"baseline": …, "scale": …}}}``; a
        `calibration.Profile` gives that by itself.
    """
    name = "The profile"
    document = profile.as_document() if hasattr(profile, "as_document") else profile
    try:
        if isinstance(document, str | Path):
            name = Path(document).name
            document = json.loads(Path(document).read_text("utf-8"))
        content: Mapping[str, Any] = dict(document)
        if int(content["format_version"]) > FORMAT_VERSION:
            raise EiferError(f"{name} needs a newer EIFER.", "Update the add-on.")
        for muscle, entry in content["muscles"].items():
            baseline, scale = float(entry["baseline"]), float(entry["scale"])
            if not (np.isfinite(baseline) and np.isfinite(scale) and scale > 0):
                raise EiferError(f"{name} gives {muscle} the scale {scale:g}.", "Calibrate again.")
    except OSError as error:
        raise EiferError(f"{name} could not be read.", "Check the path.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EiferError(f"{name} is not a subject profile.", "Calibrate again.") from error
    return content


def _apply_profile(
    muscles: Mapping[str, Any],
    names: Sequence[str],
    baseline: np.ndarray,
    scale: np.ndarray,
    is_silent: np.ndarray,
) -> list[str]:
    """Overwrite the estimates of the muscles that the profile names; where each is from."""
    for k, name in enumerate(names):
        if name in muscles:
            baseline[k] = float(muscles[name]["baseline"])
            scale[k] = float(muscles[name]["scale"])
            is_silent[k] = False
    lacking = [name for name in names if name not in muscles]
    text = f"baseline and scale of {len(names) - len(lacking)} muscles from the profile"
    if not lacking:
        return [text]
    return [f"{text}, which lacks {', '.join(dict.fromkeys(lacking))}", f"of those {_ESTIMATED}"]
