"""Film and EMG of one session as one track: the film where it is sure, the muscles where not.

What the muscles say is laid onto the film's clock, moved by the electro-mechanical delay, and
brought to the film's level where both are good. Where a part of the face is covered or gone, the
track follows the muscles, starting from where the film left off and ending where it sets in
again; see `fusion_blend`. May import NumPy, the nouns and, when called, `heads` and `signals`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .errors import EiferError
from .fusion_blend import blended
from .fusion_levels import Levels, delay_between, levels_of
from .regions import region_of
from .seals import RECIPE
from .spaces import ARKIT52
from .track import ExpressionTrack

#: Below the first confidence the film does not count, from the second on it counts wholly.
CONFIDENT = (0.3, 0.7)
#: How long it takes from one source to the other.
FADE_S = 0.15
_LEAST_CONFIDENCE = 0.02
#: What a part of the face reaches in its best tenth of a film counts as seen, from this much on: a
#: head that fits a person less well somewhere hides nothing there, what is covered all along does.
_BEST, _LEAST_BEST = 0.9, 0.5
Occlusion = Mapping[str, "float | np.ndarray"]


def fuse(
    video: ExpressionTrack,
    emg: ExpressionTrack,
    *,
    sync: Any = None,
    offset_s: float = 0.0,
    drift_ppm: float = 0.0,
    delay_ms: float | None = None,
    occlusion: Occlusion | None = None,
    confident: tuple[float, float] = CONFIDENT,
    fade_s: float = FADE_S,
    frames: Literal["video", "emg"] = "video",
) -> ExpressionTrack:
    """Fuse the tracks of a film and of an EMG recording of the same session.

    Parameters
    ----------
    video, emg : ExpressionTrack
        Of the same face; in different spaces they are carried over to `arkit52`.
    sync : Sync, optional
        How the film's clock lies to the EMG's, as ``api.synchronise(recording, video)`` gives
        it; goes before `offset_s` and `drift_ppm`.
    offset_s, drift_ppm : float
        The same as numbers: the EMG's time when the film's clock shows 0, and by how many
        microseconds a second the film's clock is slow.
    delay_ms : float, optional
        How much later the face moves than the EMG track; None finds it where both are good
        (0 when nothing moves there, and the provenance says so).
    occlusion : mapping, optional
        By part of the face (`regions.REGIONS`) how far it is covered, 0 to 1: a number or one
        per frame of the film. Added to what `video.visibility` knows.
    confident : tuple of float
        Below the first confidence the film does not count, from the second on it counts wholly.
    fade_s : float
        How long it takes from one source to the other.
    frames : {"video", "emg"}
        Whose frames the result has; the clock is always the film's.

    Returns
    -------
    ExpressionTrack
        Over the film's time, with the film's head pose (carried over gaps), identity and camera;
        `visibility` is the share of the film by part of the face, and the provenance holds both
        sources, offset, drift, delay and how well the muscles explain the film. Frames that
        neither knows stay gaps.

    Raises
    ------
    EiferError
        When the tracks do not overlap, or a part of the face or a number is none.
    """
    if sync is not None:
        offset_s, drift_ppm = sync.seconds, sync.drift_ppm
    _check(confident, fade_s, frames, occlusion or {}, len(video))
    video, emg = _in_one_space(video, emg)
    seen = _seen(video, occlusion or {})
    if frames == "emg":
        video, seen = _at_frames_of(video, seen, (emg.timestamps - offset_s) / _rate(drift_ppm))
    muscles = _Muscles.of(emg, video, offset_s, drift_ppm)
    weight = np.clip((seen - confident[0]) / (confident[1] - confident[0]), 0.0, 1.0)
    late, told = _delay(video, muscles, weight, delay_ms)
    values, sure = muscles.at(video.timestamps - late)
    # Where there is no EMG, an unsure film is better than nothing.
    weight = np.where(sure[:, None] > 0, weight, (seen > 0).astype(np.float64))
    levels = levels_of(video.timestamps, video.coefficients, values, weight * (sure[:, None] > 0))
    expected = np.where(sure[:, None] > 0, levels.of(values), levels.usual)
    result, share = blended(
        video.timestamps, video.coefficients - expected, weight, fade_s, levels.memory_s
    )
    notes = {
        "offset_s": round(float(offset_s), 6), "drift_ppm": round(float(drift_ppm), 3),
        "delay_ms": round(1000.0 * late, 1), "delay": told,
        "explained": round(levels.explained, 3), "share_of_film": round(float(share.mean()), 4),
    }  # fmt: skip
    return _track(video, emg, (expected + result, share), (sure, levels), notes)


@dataclass(frozen=True)
class _Muscles:
    """What the EMG track says, on the film's clock.

    Attributes
    ----------
    times, values, sure : numpy.ndarray
        (m,) s, (m, k) and (m,) confidence.
    """

    times: np.ndarray
    values: np.ndarray
    sure: np.ndarray

    @classmethod
    def of(
        cls, emg: ExpressionTrack, video: ExpressionTrack, offset_s: float, drift_ppm: float
    ) -> _Muscles:
        """The EMG track, or a sentence where it has nothing to do with the film."""
        times = (emg.timestamps - offset_s) / _rate(drift_ppm)
        if not len(emg) or not len(video):
            raise EiferError("A track without frames cannot be fused.", "Choose another.")
        if times[-1] < video.timestamps[0] or times[0] > video.timestamps[-1]:
            raise EiferError(
                f"On the film's clock the EMG goes from {times[0]:.2f} to {times[-1]:.2f} s, the "
                f"film from {video.timestamps[0]:.2f} to {video.timestamps[-1]:.2f} s.",
                "Check the offset.",
            )
        return cls(times, emg.coefficients.astype(np.float64), emg.confidence.astype(np.float64))

    def at(
        self, times: np.ndarray, columns: np.ndarray | slice = slice(None)
    ) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients (n, k) and confidence (n,) at times; 0 beyond the ends and in gaps."""
        good = np.flatnonzero(self.sure > 0)
        wanted = self.values[:, columns]
        if not len(good):
            return np.zeros((len(times), wanted.shape[1])), np.zeros(len(times))
        known = self.times[good]
        values = np.stack([np.interp(times, known, column[good]) for column in wanted.T], axis=1)
        after = np.clip(np.searchsorted(self.times, times), 1, max(len(self.times) - 1, 1))
        near = np.minimum(self.sure[after - 1], self.sure[np.minimum(after, len(self.times) - 1)])
        inside = (times >= self.times[0]) & (times <= self.times[-1])
        return values, np.where(inside, near, 0.0)


def _rate(drift_ppm: float) -> float:
    return 1.0 + drift_ppm / 1e6


def _check(
    confident: tuple[float, float], fade_s: float, frames: str, occlusion: Occlusion, n: int
) -> None:
    low, high = confident
    if not 0.0 <= low < high <= 1.0 or not 0.0 <= fade_s <= 10.0:
        raise EiferError(
            f"Confidence from {low:g} to {high:g} with a fade of {fade_s:g} s cannot be.",
            "Give two rising numbers between 0 and 1, and a fade of 0 to 10 s.",
        )
    if frames not in ("video", "emg"):
        raise EiferError(f"There are no frames of '{frames}'.", "Use 'video' or 'emg'.")
    for region, covered in occlusion.items():
        values = np.asarray(covered, np.float64)
        if values.shape not in ((), (n,)) or not ((values >= 0) & (values <= 1)).all():
            raise EiferError(
                f"How far '{region}' is covered is no number from 0 to 1, nor one for each of "
                f"the film's {n} frames.",
                "Mend the occlusion.",
            )


def _in_one_space(
    video: ExpressionTrack, emg: ExpressionTrack
) -> tuple[ExpressionTrack, ExpressionTrack]:
    if video.space.name == emg.space.name:
        return video, emg
    from .heads.retarget import retarget

    return retarget(video, ARKIT52.name), retarget(emg, ARKIT52.name)


def _seen(video: ExpressionTrack, occlusion: Occlusion) -> np.ndarray:
    """How far the film can be believed, (n_frames, n_coefficients)."""
    regions = [region_of(name) for name in video.space.coefficients]
    unknown = [region for region in occlusion if region not in regions]
    if unknown:
        raise EiferError(
            f"No coefficient of {video.space.name} belongs to '{unknown[0]}'.",
            f"Use one of {', '.join(dict.fromkeys(regions))}.",
        )
    by_region = {
        region: np.minimum(video.confidence, _relative(video, region))
        * (1.0 - np.asarray(occlusion.get(region, 0.0), np.float64))
        for region in dict.fromkeys(regions)
    }
    return np.stack([by_region[region] for region in regions], axis=1)


def _relative(video: ExpressionTrack, region: str) -> np.ndarray:
    """How far the film shows a part of the face, of what it shows of it at its best, (n,)."""
    known = video.visibility.get(region)
    there = video.confidence > 0
    if known is None or not there.any():
        return np.ones(len(video))
    best = max(float(np.quantile(known[there], _BEST)), _LEAST_BEST)
    return np.minimum(known / best, 1.0)


def _at_frames_of(
    video: ExpressionTrack, seen: np.ndarray, times: np.ndarray
) -> tuple[ExpressionTrack, np.ndarray]:
    """The film at other times within its own, between frames linearly; a gap stays one."""
    old = video.timestamps
    times = times[(times >= old[0]) & (times <= old[-1])]
    after = np.clip(np.searchsorted(old, times), 1, max(len(old) - 1, 1))

    def between(values: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(times, old, column) for column in values.T], axis=1)

    def lower(values: np.ndarray) -> np.ndarray:
        return np.minimum(values[after - 1], values[np.minimum(after, len(old) - 1)])

    pose = video.head_pose
    track = ExpressionTrack(
        video.space, between(video.coefficients).astype(np.float32), times,
        lower(video.confidence).astype(np.float32),
        None if pose is None else between(pose).astype(np.float32), video.identity,
        video.provenance, video.camera,
    )  # fmt: skip
    return track, lower(seen)


def _delay(
    video: ExpressionTrack, muscles: _Muscles, weight: np.ndarray, delay_ms: float | None
) -> tuple[float, str]:
    """The delay in s, and in words where it comes from."""
    if delay_ms is not None:
        return delay_ms / 1000.0, "given"
    found = delay_between(video.timestamps, video.coefficients, weight, muscles.at)
    if found is None:
        return 0.0, "not found: nothing moves that both know"
    return found[0], f"found (correlation {found[1]:.2f})"


def _track(
    video: ExpressionTrack,
    emg: ExpressionTrack,
    fused: tuple[np.ndarray, np.ndarray],
    muscles: tuple[np.ndarray, Levels],
    notes: dict[str, Any],
) -> ExpressionTrack:
    (values, share), (sure, levels) = fused, muscles
    regions = np.array([region_of(name) for name in video.space.coefficients])
    film = share.mean(axis=1)
    trust = np.sqrt(max(levels.explained, 0.01))
    confidence = film * video.confidence + (1.0 - film) * sure * trust
    known = (video.confidence > 0) | (sure > 0)
    confidence = np.where(known, np.maximum(confidence, _LEAST_CONFIDENCE), 0.0)
    provenance = {
        key: video.provenance[key] for key in ("file", "source_sha256") if key in video.provenance
    }
    provenance |= {
        "fusion": notes,
        "simulated": any(bool(t.provenance.get("simulated")) for t in (video, emg)),
        "film": {k: v for k, v in video.provenance.items() if k != RECIPE},
        "emg": {k: v for k, v in emg.provenance.items() if k != RECIPE},
    }
    return ExpressionTrack(
        video.space, video.space.clip(values).astype(np.float32), video.timestamps,
        np.clip(confidence, 0.0, 1.0).astype(np.float32), _carried_pose(video), video.identity,
        provenance, video.camera,
        {
            str(region): share[:, regions == region].mean(axis=1).astype(np.float32)
            for region in dict.fromkeys(regions)
        },
    )  # fmt: skip


def _carried_pose(video: ExpressionTrack) -> np.ndarray | None:
    """The film's head pose, from one side of a gap to the other, and held at the ends."""
    seen = np.flatnonzero(video.confidence > 0)
    if video.head_pose is None or not len(seen):
        return video.head_pose
    at = video.timestamps
    columns = [np.interp(at, at[seen], column[seen]) for column in video.head_pose.T]
    return np.stack(columns, axis=1).astype(np.float32)
