"""Rest and full effort of each muscle while they are still being found out.

Without a profile, 0 and 1 have to come from the running signal itself, and only from its past:

- The envelope is averaged over stretches of 100 ms. Nothing moves during the first two seconds,
  in which the subject should rest.
- Every second, *baseline* becomes the median of the quietest tenth (at least a second) of the
  last two minutes, *spread* the robust standard deviation there, and *scale* the 95th percentile
  of the stretches that were active, as in `signals.normalise`, at least twenty spreads and once
  the baseline. Both glide to a new estimate.
- A stretch of more than one and a half times the scale raises the scale at once, so that the
  first strong movement is not many times full effort; the next estimates take it back where it
  was an artefact.
- A muscle that has not acted yet is scaled like those that have; one that has not acted for two
  minutes keeps its scale.

A profile replaces all of this for the muscles that it names, from the first frame on. Everything
happens at fixed frames, so chunks do not matter.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

_STRETCH_S = 0.1
_FIRST_S, _EVERY_S, _MEMORY_S = 2.0, 1.0, 120.0
_QUIET_PART, _QUIET_S = 0.1, 1.0
_MAD_TO_SPREAD = 1.4826
_ACTIVE_SPREADS, _ACTIVE_OF_BASELINE = 6.0, 0.5
#: What noise, averaged over a stretch, may reach: a part of 1 that no one sees.
_LEAST_SCALE_SPREADS, _LEAST_OF_BASELINE = 20.0, 1.0
#: Above this much of the scale a stretch raises it; the strongest of usual ones stay below.
_MOST_OF_SCALE = 1.5
#: Part of the way to a new estimate per stretch.
_GLIDE = 0.2
_PERCENTILE = 95.0


class RunningScale:
    """Envelopes in, activity out: ``(envelope - baseline) / scale``, at least 0.

    Parameters
    ----------
    muscles : tuple of str
    rate_hz : float
        Frames per second.
    profile : mapping
        Entries with ``baseline`` and ``scale`` by muscle; may be empty.

    Attributes
    ----------
    baseline, scale : numpy.ndarray
        float64 (n_muscles,), as they are now; NaN before the first estimate.
    """

    def __init__(
        self, muscles: tuple[str, ...], rate_hz: float, profile: Mapping[str, Mapping[str, float]]
    ) -> None:
        self.muscles = muscles
        known = [profile.get(muscle) for muscle in muscles]
        self._fixed = np.array([entry is not None for entry in known], bool)
        self._learns = not self._fixed.all()
        self.baseline = np.array([float(e["baseline"]) if e else np.nan for e in known])
        self.scale = np.array([float(e["scale"]) if e else np.nan for e in known])
        self._length = max(1, round(_STRETCH_S * rate_hz))
        self._every = round(_EVERY_S / _STRETCH_S)
        self._first = round(_FIRST_S / _STRETCH_S)
        self._history = np.zeros((round(_MEMORY_S / _STRETCH_S), len(muscles)))
        self._count = 0
        self._sum = np.zeros(len(muscles))
        self._in_stretch = 0
        #: Scale of the muscles that acted, also when that is longer ago than the memory.
        self._acted = np.full(len(muscles), np.nan)
        self._goal = np.stack([self.baseline, self.scale])

    @property
    def settled(self) -> bool:
        """Whether rest and scale have been estimated once, or come from the profile."""
        return bool(self._fixed.all()) or self._count >= self._first

    def process(self, envelopes: np.ndarray, lost: np.ndarray | None = None) -> np.ndarray:
        """Activity (n_frames, n_muscles) float32 of the next frames.

        Parameters
        ----------
        envelopes : numpy.ndarray
            (n_frames, n_muscles).
        lost : numpy.ndarray, optional
            bool of the same shape: frames of a channel that gives no numbers, which are at rest
            and teach nothing.
        """
        result = np.zeros(envelopes.shape, np.float32)
        if lost is not None:
            envelopes = np.where(lost, np.nan, envelopes)
        start = 0
        while start < len(envelopes):
            stop = len(envelopes)
            if self._learns:
                stop = min(stop, start + self._length - self._in_stretch)
            values = (envelopes[start:stop] - self.baseline) / self.scale
            # What is no number, because a channel is lost or rest not known yet, is 0.
            np.fmax(values, 0.0, out=result[start:stop], casting="same_kind")
            if self._learns:
                self._learn(envelopes[start:stop])
            start = stop
        return result

    def _learn(self, envelopes: np.ndarray) -> None:
        """Take in frames of one stretch; what they teach counts from the next frame on."""
        for row in envelopes:  # one by one, so that sums round the same
            self._sum = self._sum + row
        self._in_stretch += len(envelopes)
        if self._in_stretch < self._length:
            return
        self._history[self._count % len(self._history)] = self._sum / self._length
        self._count += 1
        self._sum, self._in_stretch = np.zeros_like(self._sum), 0
        if self._count >= self._first and self._count % self._every == 0:
            self._estimate()
        self._follow(self._history[(self._count - 1) % len(self._history)])
        self._glide()

    def _estimate(self) -> None:
        """Find the numbers that baseline and scale shall move to."""
        history = self._history[: min(self._count, len(self._history))]
        found = np.array([_rest_and_scale(column[~np.isnan(column)]) for column in history.T])
        baseline, floor, scale = found.T
        self._acted = np.where(np.isnan(scale), self._acted, scale)
        usual = np.nanmedian(self._acted) if not np.isnan(self._acted).all() else np.nan
        stand_in = np.fmax(floor, usual)
        known = ~self._fixed & ~np.isnan(baseline)
        self._goal[0, known] = baseline[known]
        self._goal[1, known] = np.where(np.isnan(self._acted), stand_in, self._acted)[known]

    def _follow(self, stretch: np.ndarray) -> None:
        """Raise the scale of muscles that are far above it, without waiting for an estimate."""
        least = (stretch - self.baseline) / _MOST_OF_SCALE
        above = ~self._fixed & (least > self.scale)  # False for what is no number
        self.scale[above] = self._goal[1, above] = least[above]

    def _glide(self) -> None:
        """Move towards the goal, so that a new estimate does not make the face jump."""
        for now, goal in ((self.baseline, self._goal[0]), (self.scale, self._goal[1])):
            first = np.isnan(now) & ~np.isnan(goal)
            now[first] = goal[first]
            move = ~self._fixed & ~np.isnan(now)
            now[move] += _GLIDE * (goal[move] - now[move])

    def state(self) -> dict[str, np.ndarray]:
        """What the next frame depends on, as arrays; for :meth:`restore`."""
        counters = np.array([self._count, self._in_stretch])
        return {
            "baseline": self.baseline.copy(), "scale": self.scale.copy(), "counters": counters,
            "history": self._history[: min(self._count, len(self._history))].copy(),
            "sum": self._sum.copy(), "acted": self._acted.copy(), "goal": self._goal.copy(),
        }  # fmt: skip

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what :meth:`state` gave."""
        self.baseline, self.scale = np.array(state["baseline"]), np.array(state["scale"])
        self._count, self._in_stretch = (int(k) for k in state["counters"])
        self._history[: len(state["history"])] = state["history"]
        self._sum, self._acted = np.array(state["sum"]), np.array(state["acted"])
        self._goal = np.array(state["goal"])


def _rest_and_scale(stretches: np.ndarray) -> tuple[float, float, float]:
    """Baseline, least scale, and scale (NaN for a muscle that has not acted) of one muscle."""
    if not len(stretches):
        return np.nan, np.nan, np.nan
    keep = max(round(_QUIET_S / _STRETCH_S), round(_QUIET_PART * len(stretches)))
    quiet = np.sort(stretches)[:keep]
    baseline = float(np.median(quiet))
    spread = float(_MAD_TO_SPREAD * np.median(np.abs(quiet - baseline)))
    # The least of a quiet signal, so that a dead channel's zeros are not divided by zero.
    tiny = float(np.finfo(np.float64).tiny)
    floor = max(_LEAST_SCALE_SPREADS * spread, _LEAST_OF_BASELINE * baseline)
    active = stretches - baseline
    active = active[active > max(_ACTIVE_SPREADS * spread, _ACTIVE_OF_BASELINE * baseline, tiny)]
    if not len(active):
        return baseline, floor if floor > 0 else np.nan, np.nan
    return baseline, floor, max(float(np.percentile(active, _PERCENTILE)), floor)
