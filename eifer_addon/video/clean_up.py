"""Clean-up of a track after the take: nothing is solved again, and nothing becomes late.

Filters look to both sides alike and stay between gaps and cuts; frames without a face stay gaps.
The order is that of `TrackEdits`: neutral frame, mirror, symmetry, gain and offset, eyelids,
gaze, smoothing, head.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import EiferError
from ..regions import OPPOSED, answers_to, region_of
from ..seals import RECIPE
from ..spaces import ARKIT52, ExpressionSpace
from ..track import ExpressionTrack
from .clean_up_eyes import steady_eyelids, steady_gaze
from .clean_up_filters import groups_of, smoothed, stretches
from .clean_up_pose import (
    cleaned_head,
    mirrored,
    neutral_time,
    rest_pose,
    symmetrical,
    with_neutral,
)
from .track_edits import TrackEdits

#: Where a track's provenance tells of its clean-up: the edits, oldest first.
CLEAN_UP = "clean_up"
_LIDS = (("eyeBlinkLeft", "eyeBlinkRight"), ("eyelid.left", "eyelid.right"))
_SIDEWAYS, _UP = OPPOSED[2:4], OPPOSED[4:6]


def clean_up(
    track: ExpressionTrack, edits: TrackEdits | Mapping[str, Any] | str
) -> ExpressionTrack:
    """Clean a track up by a few numbers, always in the same way.

    Parameters
    ----------
    track : ExpressionTrack
        In `arkit52` everything can be changed; in a model's own space the neutral frame, gain
        and offset of single coefficients, jaw and eyelids, smoothing and the head.
    edits : TrackEdits, mapping or str
        ``neutral`` ("calm", or "frame" with ``neutral_s``), ``mirror``, ``symmetry``, ``gain``
        and ``offset`` (by part of the face or coefficient), ``eyelids``, ``gaze``,
        ``smoothing_hz``, ``eyelid_smoothing_hz``, ``head_smoothing_hz``, ``head_motion``,
        ``level_head``; also as JSON text.

    Returns
    -------
    ExpressionTrack
        With the same frames and gaps, within the space's bounds, and the edits in its provenance
        under ``"clean_up"``; the same track where nothing is changed.

    Raises
    ------
    EiferError
        When the space cannot take an edit, or the neutral frame is a gap.
    """
    wanted = edits if isinstance(edits, TrackEdits) else TrackEdits.from_document(edits)
    if wanted.is_neutral or not len(track):
        return track
    _check_space(track.space, wanted)
    notes: dict[str, Any] = {"edits": wanted.as_document()}
    rest = None
    if wanted.neutral:
        notes["neutral_at_s"] = moment = neutral_time(track, wanted)
        rest = rest_pose(track, moment)
        pose = np.median(track.coefficients[rest], axis=0).astype(np.float64)
        values = with_neutral(track.coefficients.astype(np.float64), pose, track.space)
        track = replace(track, coefficients=track.space.clip(values).astype(np.float32))
    if wanted.mirror:
        track = mirrored(track)
    values = _levels(track.coefficients.astype(np.float64), track.space, wanted)
    _steady_eyes(track, values, wanted)
    _smooth(track, values, wanted)
    moves_head = wanted.level_head or wanted.head_smoothing_hz or wanted.head_motion != 1.0
    head = cleaned_head(track, wanted, rest) if moves_head else track.head_pose
    # What was a proof of how the numbers were made is none of these.
    kept = {key: value for key, value in track.provenance.items() if key != RECIPE}
    done = [*_history(kept.get(CLEAN_UP, ())), notes]
    return replace(
        track, coefficients=track.space.clip(values).astype(np.float32), head_pose=head,
        camera=None if wanted.level_head else track.camera,
        provenance={**kept, CLEAN_UP: done},
    )  # fmt: skip


def _history(told: Any) -> list[Any]:
    """Earlier clean-ups; a take's note holds them as JSON."""
    return list(json.loads(told) if isinstance(told, str) else told)


def _check_space(space: ExpressionSpace, edits: TrackEdits) -> None:
    """Say which edit a space cannot take."""
    known = {word for name in space.coefficients for word in answers_to(name)}
    unknown = [part for part in {**edits.gain, **edits.offset} if part not in known]
    if edits.gaze and "gaze" not in known:
        unknown.append("gaze")
    if edits.eyelids and _lids(space) is None:
        unknown.append("eyelids")
    if unknown:
        raise EiferError(
            f"A track in {space.name} has no '{unknown[0]}' to be changed.",
            "Carry it over with api.retarget(track, 'arkit52') first."
            if space.name != ARKIT52.name else "Use another name.",
        )  # fmt: skip


def _levels(values: np.ndarray, space: ExpressionSpace, edits: TrackEdits) -> np.ndarray:
    """Symmetry, gain and offset; what went out of bounds is limited."""
    if edits.symmetry:
        values = symmetrical(values, space, edits.symmetry)
    if edits.gain or edits.offset:
        values = values * _of_each(space, edits.gain, 1.0) + _of_each(space, edits.offset, 0.0)
    return np.array(space.clip(values))


def _of_each(space: ExpressionSpace, given: Mapping[str, float], usual: float) -> np.ndarray:
    """One number per coefficient (k,), by the most particular word that was given."""
    return np.array(
        [
            next((given[word] for word in answers_to(name) if word in given), usual)
            for name in space.coefficients
        ]
    )


def _lids(space: ExpressionSpace) -> list[int] | None:
    """Columns of the left and the right eyelid."""
    for pair in _LIDS:
        if pair[0] in space.coefficients:
            return [space.coefficients.index(name) for name in pair]
    return None


def _steady_eyes(track: ExpressionTrack, values: np.ndarray, edits: TrackEdits) -> None:
    """Eyelids and gaze of every stretch, in place."""
    lids = _lids(track.space)
    for part in stretches(track) if edits.eyelids or edits.gaze else ():
        times, rows = track.timestamps[part], values[part]
        seen = rows[:, lids].copy() if lids is not None else np.zeros((len(times), 2))
        if edits.eyelids and lids is not None:
            rows[:, lids] += edits.eyelids * (steady_eyelids(times, seen) - seen)
        if edits.gaze:
            _hold_gaze(times, rows, track.space, seen, edits.gaze)


def _smooth(track: ExpressionTrack, values: np.ndarray, edits: TrackEdits) -> None:
    """Smooth the face but not its gaze, and the eyelids in their own way, in place."""
    names = track.space.coefficients
    lids = _lids(track.space) or []
    face = [
        k for k, name in enumerate(names) if region_of(name) != "gaze" and k not in lids
    ]  # fmt: skip
    groups = groups_of(track)
    for columns, cutoff in ((face, edits.smoothing_hz), (lids, edits.eyelid_smoothing_hz)):
        if cutoff and columns:
            values[:, columns] = smoothed(
                track.timestamps, values[:, columns], cutoff, track.confidence, groups
            )


def _hold_gaze(
    times: np.ndarray, values: np.ndarray, space: ExpressionSpace, lids: np.ndarray, amount: float
) -> None:
    """Hold fixations, in place; a look to one side is one coefficient, never two."""
    names = space.coefficients
    # Sideways to the subject's left is outwards for the left eye and inwards for the right one.
    pairs = [(names.index(a), names.index(b)) for a, b in (*_SIDEWAYS, *_UP)]
    ways = np.stack([values[:, a] - values[:, b] for a, b in pairs], axis=1)
    steady = ways + amount * (steady_gaze(times, ways, lids) - ways)
    for k, (a, b) in enumerate(pairs):
        values[:, a], values[:, b] = np.maximum(steady[:, k], 0.0), np.maximum(-steady[:, k], 0.0)
