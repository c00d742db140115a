"""The script API's functions for calibration and synchronisation; `api` forwards them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EiferError

if TYPE_CHECKING:
    from ..track import ExpressionTrack
    from .activity import Activity
    from .calibration import Profile
    from .gains import ExpressionGains
    from .recording import Recording
    from .sync_delay import Delay
    from .sync_result import Item, Sync

#: Stands for the table of the eleven movements as they are instructed.
INSTRUCTED = "instructed"


def calibrate(
    recording: Recording,
    *,
    poses: str | Path | None = None,
    track: ExpressionTrack | None = None,
    **options: Any,
) -> Profile:
    """Make a subject's profile from a recording of rest and of calibration movements.

    Parameters
    ----------
    recording : Recording
    poses, track : optional
        What the face showed, for expression gains; see :func:`fit_gains`.
    **options
        ``windows`` (movement to seconds), ``mvc`` (muscle to maximum), ``preset``, ``montage``,
        ``subject``, ``crosstalk`` (True estimates it too).

    Returns
    -------
    Profile
        Baseline, scale and noise per muscle, for ``to_activity(…, profile=…)``.
    """
    from .calibration import calibrate as make

    profile = make(recording, **options)
    if poses is None and track is None:
        return profile
    montage = options.get("montage")
    return fit_gains(profile, recording, poses=poses, track=track, montage=montage)


def fit_gains(
    profile: Profile,
    recording: Recording,
    *,
    poses: str | Path | None = None,
    track: ExpressionTrack | None = None,
    montage: Any = None,
    **options: Any,
) -> Profile:
    """Fit how the subject's muscles move the subject's face, and keep it in the profile.

    Parameters
    ----------
    profile : Profile
        Made from `recording`; its movements are the poses.
    recording : Recording
    poses : path-like or "instructed", optional
        A table of coefficients by pose (`posed.read_poses`), or the eleven movements as they are
        instructed, which says nothing about this subject's face.
    track : ExpressionTrack, optional
        What the face did in the same session, on the recording's clock; instead of `poses`.
    montage : optional
        As for `to_activity`.
    **options
        ``start`` and ``antagonists`` of `gains.fit_gains`.

    Returns
    -------
    Profile
        The same with ``gains``.
    """
    from .convert import to_activity
    from .gains import fit_gains as fit
    from .posed import default_poses, frames_of_poses, frames_of_track, read_poses

    if (poses is None) == (track is None):
        raise EiferError("Expression gains need either poses or a track.", "Give one of them.")
    preset = "clinical" if profile.preset == "none" else profile.preset
    bare = replace(profile, gains={})
    activity = to_activity(recording, preset=preset, profile=bare, montage=montage)
    if track is not None:
        frames = frames_of_track(activity, dict(profile.movements), track)
    else:
        table = default_poses() if poses == INSTRUCTED else read_poses(str(poses))
        frames = frames_of_poses(activity, dict(profile.movements), table)
    return replace(profile, gains=fit(frames, **options).as_document())


def adjust_profile(profile: Profile, recording: Recording, **options: Any) -> Profile:
    """Carry a profile over to electrodes that were put on again, with a minute of recording.

    Parameters
    ----------
    profile : Profile
    recording : Recording
        About a minute with rest and a few of the calibration movements.
    **options
        ``montage``, ``windows``, ``crosstalk`` of `redonning.adjust`.

    Returns
    -------
    Profile
        ``adjusted`` says what was done.
    """
    from .redonning import adjust

    return adjust(profile, recording, **options)


def gains_for(activity: Activity, profile: Any = None) -> ExpressionGains | None:
    """The expression gains to be used: of a profile, else of the one the activity was made with.

    Parameters
    ----------
    activity : Activity
    profile : Profile, mapping or path-like, optional
    """
    from .gains import ExpressionGains
    from .normalise import load_document

    given = profile is not None
    document = load_document(profile).get("gains") if given else activity.source.get("gains")
    return ExpressionGains.from_document(document) if document else None


def synchronise(first: Any, second: Any, *, method: str | None = None, **options: Any) -> Sync:
    """Find how the clock of `second` lies to that of `first`.

    Parameters
    ----------
    first : Recording or Activity
    second : Recording, Activity, ExpressionTrack or path-like
        A path is a video's.
    method : {"events", "light", "curves", "by hand", "start"}, optional
        None takes what the options are for: ``light`` for a video; ``events`` with ``event`` or
        ``trigger``; ``by hand`` with ``seconds``; else ``curves``. With ``start``, `event` or
        `trigger` marks the beginning, or each frame, of a film or its track.
    **options
        ``event``, ``other_event`` (names), ``trigger``, ``other_trigger`` (channels);
        ``rectangle`` (x, y, width, height) and ``exposure`` of a light; ``curve`` and
        ``other_curve`` (a muscle, coefficient or channel); ``seconds`` and ``drift_ppm`` by hand;
        ``longest_s``, ``tolerance_s``, ``largest_drift_ppm``.

    Returns
    -------
    Sync
        Offset, drift, confidence and method; :func:`shifted` applies it.
    """
    from .sync_ways import synchronise as find

    return find(first, second, method=method, **options)


def shifted(item: Item, sync: Sync) -> Item:
    """Put a recording, activity or track of the second clock onto the first one.

    Parameters
    ----------
    item : Recording, Activity or ExpressionTrack
    sync : Sync

    Returns
    -------
    Recording, Activity or ExpressionTrack
    """
    from .sync_result import shifted as move

    return move(item, sync)


def estimate_delay(
    activity: Activity,
    reference: ExpressionTrack | Mapping[str, Any],
    **options: Any,
) -> Delay:
    """Estimate how much later the skin moves than the muscles' signals.

    Parameters
    ----------
    activity : Activity
    reference : ExpressionTrack or mapping
        What the face did, or per muscle ``(times in s, curve)``.
    **options
        ``sync`` (by events or light), ``model``, ``shortest_s``, ``longest_s``.

    Returns
    -------
    Delay
        Seconds, spread over the muscles and confidence; ``edit_ms`` is the take's delay.
    """
    from .sync_delay import estimate_delay as estimate

    return estimate(activity, reference, **options)
