"""What an analysis begins with: activity predicted from a face, and activity that was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from .errors import EiferError
from .signals.activity import Activity
from .signals.quality import BAD
from .signals.recording import Recording
from .track import ExpressionTrack
from .version import software_version
from .video.batch_plan import FILMS
from .video.pictures import SUFFIXES as PICTURES

#: Frames further from an even grid than this part of their distance are read off anew.
_UNEVEN = 0.02
#: Envelopes of the MMM and MaM data sets are a root mean square over this long.
_MMM_WINDOW_S = 0.5


@dataclass(frozen=True)
class Predicted:
    """Activity from a face.

    Attributes
    ----------
    name : str
    activity : Activity
    seen : numpy.ndarray
        bool (n_frames,), frames in which the face was seen.
    track : ExpressionTrack or None
        What it was predicted from.
    notes : tuple of str
    about : mapping
    """

    name: str
    activity: Activity
    seen: np.ndarray
    track: ExpressionTrack | None = None
    notes: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """Activity that electrodes measured.

    Attributes
    ----------
    activity : Activity
    unit : str
        Of the channels; empty where it is not known.
    recording : Recording or None
    good : mapping of str to numpy.ndarray
        By channel, bool per second.
    bad : mapping of str to str
        Channels that are left out, and why.
    window_s : float
        Over which the envelopes were averaged, where that is much longer than a movement's edge.
    notes : tuple of str
    about : mapping
    """

    activity: Activity
    unit: str = ""
    recording: Recording | None = None
    good: Mapping[str, np.ndarray] = field(default_factory=dict)
    bad: Mapping[str, str] = field(default_factory=dict)
    window_s: float = 0.0
    notes: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)


def is_film(path: Path) -> bool:
    """Whether a path is a video or an image sequence by its name."""
    return path.suffix.lower() in FILMS | PICTURES or "*" in path.name or path.is_dir()


def predicted_from(
    source: str | Path | ExpressionTrack | Activity,
    model: str | Path | None,
    *,
    scheme: str = "fridlund",
    backend: str = "mediapipe",
    on_progress: Callable[[int, int], None] | None = None,
    choices: Mapping[str, Any] | None = None,
) -> Predicted:
    """Predict muscle activity; see :func:`.muscle_analysis.analyse_muscles`."""
    from . import api, exchange

    name, item = "", source
    if isinstance(source, str | Path):
        path = Path(source)
        name = path.name
        if path.is_file() and exchange.is_activity(path):
            item = api.read_activity(path)
        elif path.is_file() and not is_film(path):
            item = api.read_track(path)
        else:
            item = api.video_to_expression(
                path, backend, on_progress=on_progress, **dict(choices or {})
            )
    if isinstance(item, Activity):
        name = name or "the prediction"
        about = {"film": name, "predicted_by": dict(item.source), "software": _software()}
        return Predicted(name, item, np.ones(len(item), bool), None, (), about)
    assert isinstance(item, ExpressionTrack)
    return predict(item, model, scheme=scheme, name=name)


def predict(
    track: ExpressionTrack, model: str | Path | None, *, scheme: str = "fridlund", name: str = ""
) -> Predicted:
    """Predict the muscle activity behind a track, in whatever space it is.

    Raises
    ------
    EiferError
        When the face was never seen, the track is too short, the model is for something else, or
        the track cannot be carried into the model's space.
    """
    from . import api

    named = name or Path(str(track.provenance.get("source") or "the track")).name
    seen = track.confidence > 0
    if len(track) < 2:
        raise EiferError(f"{named} has {len(track)} frames.", "Choose a longer one.")
    if not seen.any():
        raise EiferError(
            f"The face was seen in no frame of {named}, so there is nothing to analyse.",
            "Choose another film, or another person in it (--face).",
        )
    even = evenly(track)
    rate_hz = (len(even) - 1) / even.duration_s
    # A row for each frame of the film: more would not be known, and would count as more.
    activity = api.expression_to_emg(even, model, scheme=scheme, rate_hz=rate_hz)
    if len(activity) != len(even):
        count = min(len(activity), len(even))
        activity = replace(activity, values=activity.values[:count], unclamped=None)
        even = first_frames(even, count)
    about = {
        "film": named, "space": track.space.name, "track": _plain(track.provenance),
        "predicted_by": _plain(activity.source), "scheme": scheme, "software": _software(),
    }  # fmt: skip
    notes = (
        ("Its frames do not lie evenly in time and were read off anew.",)
        if even is not track
        else ()
    )
    return Predicted(named, activity, even.confidence > 0, track, notes, about)


def first_frames(track: ExpressionTrack, count: int) -> ExpressionTrack:
    """The first frames of a track."""
    pose = None if track.head_pose is None else track.head_pose[:count]
    return replace(
        track, coefficients=track.coefficients[:count], timestamps=track.timestamps[:count],
        confidence=track.confidence[:count], head_pose=pose, visibility={},
    )  # fmt: skip


def evenly(track: ExpressionTrack) -> ExpressionTrack:
    """The track at an even rate; itself where it is even. A frame beside a gap is a gap."""
    steps = np.diff(track.timestamps)
    step = float(np.median(steps))
    grid = track.timestamps[0] + step * np.arange(len(track))
    if np.abs(track.timestamps - grid).max() <= _UNEVEN * step:
        return track
    grid = np.arange(track.timestamps[0], track.timestamps[-1] + step / 2, step)
    values = np.stack(
        [np.interp(grid, track.timestamps, column) for column in track.coefficients.T], axis=1
    )
    after = np.clip(np.searchsorted(track.timestamps, grid), 1, len(track) - 1)
    sure = np.minimum(track.confidence[after - 1], track.confidence[after])
    # Where frames are missing altogether nothing is known either.
    sure = np.where(steps[after - 1] > 2.5 * step, 0.0, sure)
    return replace(
        track, coefficients=values.astype(np.float32), timestamps=grid,
        confidence=sure.astype(np.float32), head_pose=None, visibility={},
    )  # fmt: skip


def measured_from(
    item: str | Path | Recording | Activity,
    *,
    keep_bad: bool = False,
    reading: Mapping[str, Any] | None = None,
    conversion: Mapping[str, Any] | None = None,
) -> Measured:
    """Read and filter what was measured; see :func:`.muscle_analysis.analyse_muscles`."""
    from . import api, exchange

    name = "the recording"
    if isinstance(item, str | Path):
        path = Path(item)
        name = path.name
        if path.is_file() and exchange.is_activity(path):
            item = api.read_activity(path)
        else:
            item = api.read_recording(path, **dict(reading or {}))
    if isinstance(item, Activity):
        return Measured(
            item, notes=_rest_note(item), about={"recording": name, "filters": list(item.filters)}
        )
    recording = item
    options = dict(conversion or {})
    activity = api.to_activity(recording, **options)
    asked = [c for c in dict.fromkeys(activity.channels) if c not in (options.get("repair") or {})]
    good, bad = ({}, {}) if keep_bad else _quality(recording, asked)
    about = {
        "recording": Path(str(recording.source.get("file") or name)).name,
        "recording_sha256": str(recording.source.get("sha256", "")),
        "rate_hz": recording.rate_hz, "filters": list(activity.filters),
        "simulated": bool(recording.source.get("simulated", False)),
    }  # fmt: skip
    return Measured(
        activity, _unit(recording, activity), recording, good, bad, _window(recording, activity),
        tuple(activity.remarks), about,
    )  # fmt: skip


def smoothed_alike(predicted: Predicted, window_s: float) -> Predicted:
    """The prediction averaged as the measured envelopes were: a moving root mean square.

    A muscle of which the electrodes show the mean over half a second cannot be compared with one
    that the film shows at every moment.
    """
    if window_s <= 0:
        return predicted
    n = max(1, round(window_s * predicted.activity.rate_hz))
    power = np.pad(
        predicted.activity.values.astype(np.float64) ** 2,
        ((n // 2, n - 1 - n // 2), (0, 0)),
        "edge",
    )
    total = np.concatenate([np.zeros((1, power.shape[1])), np.cumsum(power, axis=0)])
    values = np.sqrt(np.maximum(total[n:] - total[:-n], 0.0) / n)
    words = f"moving RMS over {1e3 * window_s:g} ms, as the measured envelopes"
    activity = replace(
        predicted.activity, values=values.astype(np.float32), unclamped=None,
        filters=(*predicted.activity.filters, words),
    )  # fmt: skip
    note = (
        f"The measured envelopes are means over {1e3 * window_s:g} ms, so the prediction was "
        "averaged alike; onsets are as blurred on both sides."
    )
    return replace(predicted, activity=activity, notes=(*predicted.notes, note))


def _window(recording: Recording, activity: Activity) -> float:
    if str(recording.source.get("format", "")).startswith("mmm"):
        return _MMM_WINDOW_S
    return _MMM_WINDOW_S if activity.source.get("preset") == "mam" else 0.0


def _rest_note(activity: Activity) -> tuple[str, ...]:
    """What cannot be told of an activity without its rest level."""
    if np.any(activity.baseline != 0) or np.any(activity.scale != 1):
        return ()
    return (
        "The measured activity is normalised and its rest level is not known: percentage errors "
        "are of activity, and asymmetry is that of the normalised sides.",
    )


def _unit(recording: Recording, activity: Activity) -> str:
    units = {
        recording.units[recording.channels.index(channel.split(" - ")[0])]
        for channel in activity.channels if channel.split(" - ")[0] in recording.channels
    }  # fmt: skip
    unit = units.pop() if len(units) == 1 else ""
    return {"uV": "µV", "?": ""}.get(unit, unit)


def _quality(
    recording: Recording, channels: list[str]
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Good seconds by channel, and the channels that are bad as a whole."""
    from . import api

    found = api.check_quality(recording, channels)
    seconds = np.arange(max(1, int(np.ceil(recording.duration_s))))
    good, bad = {}, {}
    for one in found.channels:
        if one.level == BAD:
            bad[one.channel] = one.sentence
        elif len(one.over_time):
            at = np.minimum((seconds / found.stretch_s).astype(int), len(one.over_time) - 1)
            good[one.channel] = one.over_time[at] < 2
    return good, bad


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Provenance without what is long or not for people."""
    return {
        key: value for key, value in values.items()
        if isinstance(value, str | int | float | bool) and len(str(value)) < 200
    }  # fmt: skip


def _software() -> str:
    return f"eifer {software_version()}"
