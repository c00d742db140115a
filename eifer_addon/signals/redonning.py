"""Re-donning: a profile carried over to electrodes that were put on again, with a minute of signal.

Rest is measured anew. Where the minute holds movements that the profile knows by name, each
muscle's effort is compared with the same movement then; where not, all muscles that moved change
together. People never repeat a movement exactly, so a muscle's own change is drawn towards the
median change of all, the more the fewer movements it was seen in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import EiferError
from .calibration import (
    MuscleProfile,
    Profile,
    crosstalk_of,
    efforts_of,
    rest_of,
    source_of,
)
from .convert import DEFAULT_RATE_HZ, envelopes_of_muscles
from .movements import REST, Windows, find_movements
from .pairs import with_pairs
from .recording import Recording

#: A muscle counts as moved from so many spreads above rest, and from this part of its full effort.
_LEAST_SPREADS, _LEAST_AGAIN = 10.0, 0.1
#: A movement tells about a muscle that it brought to this part of its full effort.
_LEAST_EFFORT = 0.3
#: Standard deviations of the logarithm: how differently a movement is repeated, and how
#: differently an electrode sees its muscle after it was put on again. Assumed, not measured.
_REPEATED, _PUT_ON = 0.2, 0.3
_SHORTEST_S = 10.0
#: Rest so many times louder than before is worth a word.
_LOUD_REST = 3.0


def adjust(
    profile: Profile,
    recording: Recording,
    montage: Any = None,
    *,
    windows: Mapping[str, tuple[float, float]] | None = None,
    crosstalk: bool = False,
) -> Profile:
    """Carry a profile over to electrodes that were put on again.

    Parameters
    ----------
    profile : Profile
        Of the same subject.
    recording : Recording
        About a minute with rest and a few of the calibration movements.
    montage : optional
        As for `to_activity`.
    windows : mapping, optional
        As for `calibration.calibrate`.
    crosstalk : bool
        Estimate the cross-talk anew. It does not outlive the electrodes, so without this the
        result has none.

    Returns
    -------
    Profile
        With new rest and noise, and new scales for the muscles that moved; gains stay, because
        activity is relative to rest and full effort. ``adjusted`` says what was done.

    Raises
    ------
    EiferError
        When the recording is too short, has none of the profile's muscles, or nothing moves.
    """
    _check_length(recording)
    preset = "clinical" if profile.preset == "none" else profile.preset
    found, envelopes, rate = envelopes_of_muscles(recording, preset, DEFAULT_RATE_HZ, montage)
    columns = [k for k, muscle in enumerate(found.muscles) if muscle in profile.muscles]
    if not columns:
        raise EiferError(
            "The recording has none of the profile's muscles.", "Check the montage and the subject."
        )
    muscles, envelopes = [found.muscles[k] for k in columns], envelopes[:, columns]
    movements = find_movements(recording, envelopes, rate, windows, muscles)
    rest = rest_of(envelopes, rate, movements)
    full = np.percentile(envelopes, 99.0, axis=0) - rest[:, 0]
    old = np.array([profile.muscles[m].scale for m in muscles])
    moved = full > np.maximum(_LEAST_SPREADS * rest[:, 1], _LEAST_AGAIN * old)
    _check_moved(moved)
    alike = _alike(profile, muscles, envelopes, rate, movements, rest)
    change, words = _changes(alike, full / old, moved)
    entries = dict(profile.muscles)
    for k, muscle in enumerate(muscles):
        entries[muscle] = replace(
            entries[muscle], baseline=float(rest[k, 0]), noise=float(rest[k, 1]),
            scale=float(old[k] * change[k]),
        )  # fmt: skip
    channels = list(dict.fromkeys(found.channels[muscle] for muscle in muscles))
    mixing = crosstalk_of(with_pairs(recording, channels), channels) if crosstalk else {}
    notes = [words, *_notes(profile, muscles, moved, entries, crosstalk=crosstalk)]
    by_muscle = {m: round(float(c), 4) for m, c in zip(muscles, change, strict=True)}
    adjusted = {"source": source_of(recording), "scale_changes": by_muscle, "notes": notes}
    return replace(profile, muscles=entries, crosstalk=mixing, adjusted=adjusted)


def _check_length(recording: Recording) -> None:
    if recording.duration_s < _SHORTEST_S:
        raise EiferError(
            f"{recording.duration_s:.1f} s are too short to adjust a profile.",
            f"Record about a minute of rest and movements, at least {_SHORTEST_S:g} s.",
        )


def _check_moved(moved: np.ndarray) -> None:
    if not moved.any():
        raise EiferError(
            "No muscle rises above rest, so nothing can be adjusted.",
            "Record a few of the calibration movements as well.",
        )


def _alike(
    profile: Profile,
    muscles: list[str],
    envelopes: np.ndarray,
    rate_hz: float,
    movements: Windows,
    rest: np.ndarray,
) -> np.ndarray:
    """Effort now over effort then, (n_muscles, n_movements), NaN where a movement tells nothing."""
    names = [name for name in movements if name != REST]
    now = efforts_of(envelopes, rate_hz, movements) - rest[:, :1]
    ratios = np.full(now.shape, np.nan)
    for j, name in enumerate(names):
        base = name.split(" ")[0]
        then = profile.efforts.get(name) or profile.efforts.get(base) or {}
        if base == "movement":  # numbered in the order found, which says nothing about which it is
            continue
        for k, muscle in enumerate(muscles):
            before = then.get(muscle, 0.0)
            enough = before >= _LEAST_EFFORT * profile.muscles[muscle].scale
            if enough and now[k, j] > _LEAST_SPREADS * rest[k, 1]:
                ratios[k, j] = now[k, j] / before
    return ratios


def _changes(alike: np.ndarray, whole: np.ndarray, moved: np.ndarray) -> tuple[np.ndarray, str]:
    """Factor on each muscle's scale, and what it is from."""
    seen = np.isfinite(alike).sum(axis=1)
    if not seen.any():
        common = float(np.median(whole[moved]))
        return np.where(moved, common, 1.0), (
            f"the scales of {int(moved.sum())} muscles changed together by {common:.2f}, as no "
            "movement is known by name"
        )
    logs = np.log(np.where(np.isfinite(alike), alike, 1.0))
    rows = [row[np.isfinite(a)] for row, a in zip(logs, alike, strict=True)]
    own = np.array([np.median(row) if len(row) else 0.0 for row in rows])
    common = float(np.median(own[seen > 0]))
    trust = _PUT_ON**2 / (_PUT_ON**2 + _REPEATED**2 / np.maximum(seen, 1))
    change = np.where(
        seen > 0, np.exp(common + trust * (own - common)), np.where(moved, np.exp(common), 1.0)
    )
    return change, (
        f"the scales of {int((seen > 0).sum())} muscles changed by {change[seen > 0].min():.2f} to "
        f"{change[seen > 0].max():.2f}, compared with the same movements"
    )


def _notes(
    profile: Profile,
    muscles: list[str],
    moved: np.ndarray,
    entries: Mapping[str, MuscleProfile],
    *,
    crosstalk: bool,
) -> list[str]:
    notes = []
    still = [muscle for muscle, did in zip(muscles, moved, strict=True) if not did]
    still += [muscle for muscle in profile.muscles if muscle not in muscles]
    if still:
        notes.append(f"not seen to move, scale as before: {', '.join(still)}")
    loud = [
        muscle for muscle in muscles
        if entries[muscle].baseline > _LOUD_REST * profile.muscles[muscle].baseline
    ]  # fmt: skip
    if loud:
        notes.append(f"much louder at rest than before, please check: {', '.join(loud)}")
    if profile.crosstalk and not crosstalk:
        notes.append("the cross-talk was left out, because it belongs to the old electrodes")
    return notes
