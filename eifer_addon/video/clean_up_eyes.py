"""Eyelids and gaze steadied: blinks whole and together, fixations held, saccades kept.

A blink lasts 100 to 400 ms (H. R. Schiffman, Sensation and Perception, 2001), of which a film of
30 frames/s shows few frames, and landmarks rarely reach a closed eye; a fixation lasts 150 ms and
longer, a saccade 20 to 80 ms (D. D. Salvucci and J. H. Goldberg, ETRA 2000, whose detection by
dispersion is used here).
"""

from __future__ import annotations

import numpy as np

from .clean_up_filters import running, runs, smooth_step, smoothed

#: Lids that differ by more than this at their furthest are a wink, when one stays rather open.
_WINK, _WINK_EDGE, _OPEN_PART = 0.4, 0.15, 0.5
#: Around the lid's slow level (a median over this long to either side), less is flutter.
_LEVEL_S, _FLUTTER, _MOVEMENT, _LEVEL_HZ = 0.35, 0.06, 0.2, 1.5
#: A short rise by this much is a blink; a longer closing counts from this value on.
_BLINK_RISE, _BLINK_S, _CLOSING = 0.3, 0.5, 0.75
_LARGEST_GAIN = 2.5
#: Gaze further than this from where it rests (of the eye's full range) has moved on.
_SACCADE, _SHORTEST_FIXATION_S = 0.12, 0.1
#: A fixation may drift this slowly, so that smooth pursuit is not cut into steps.
_DRIFT_HZ = 0.8
#: How quickly the centre of a fixation follows its frames.
_FOLLOWING = 0.1
#: What is seen of gaze behind lids this closed for a blink is not gaze.
_HIDDEN = 0.5


def steady_eyelids(times: np.ndarray, lids: np.ndarray) -> np.ndarray:
    """Eyelids (n, 2; left, right; 0 open, 1 closed) of one stretch, steadied.

    Both sides move together unless one of them winks, flutter of a resting lid is taken out, and
    what is a blink closes the eye.
    """
    if len(times) < 3:
        return lids
    rate = 1.0 / float(np.median(np.diff(times)))
    together = _coupled(lids, max(1, round(0.067 * rate)))
    level = running(together, max(1, round(_LEVEL_S * rate)), "median")
    level = smoothed(times, level, _LEVEL_HZ)
    away = together - level
    widest = running(np.abs(away), max(1, round(0.067 * rate)), "maximum")
    calm = level + away * smooth_step(widest, _FLUTTER, _MOVEMENT)
    return np.stack([_closed(calm[:, k], level[:, k], rate) for k in (0, 1)], axis=1)


def _coupled(lids: np.ndarray, soft: int) -> np.ndarray:
    """Both sides at their mean, but for winks."""
    apart = lids[:, 0] - lids[:, 1]
    rest = np.median(lids, axis=0)
    alone = np.zeros(len(lids))
    for first, last in runs(np.abs(apart) > _WINK_EDGE):
        part = lids[first:last] - rest
        top = int(np.argmax(np.abs(apart[first:last])))
        closing, other = np.max(part[top]), np.min(part[top])
        if np.abs(apart[first:last]).max() > _WINK and other < _OPEN_PART * closing:
            alone[first:last] = 1.0
    # The way into a wink and out of it belongs to it.
    alone = running(alone[:, None], 2 * soft, "maximum")
    share = running(alone, soft, "median") if soft > 1 else alone
    mean = lids.mean(axis=1, keepdims=True)
    return np.asarray(mean + share * (lids - mean))


def _closed(lid: np.ndarray, level: np.ndarray, rate: float) -> np.ndarray:
    """One lid (n,), with blinks and tight closings reaching 1."""
    result = lid.copy()
    rest = min(float(np.median(lid)), 0.6)
    # From where the lid leaves its level to where it is back, if it went far between.
    for first, last in runs(lid > rest + 0.15 * _BLINK_RISE):
        part = lid[first:last]
        peak, base = float(part.max()), min(rest, float(level[first:last].min()))
        if peak < rest + 0.5 * _BLINK_RISE:
            continue
        short = (part > base + 0.5 * (peak - base)).sum() <= _BLINK_S * rate
        if (short and peak - base > _BLINK_RISE) or peak > _CLOSING:
            held = part[part > base + 0.85 * (peak - base)]
            gain = min((1.0 - base) / max(float(np.median(held)) - base, 1e-3), _LARGEST_GAIN)
            # Full at the top and none at the edges, so that nothing jumps there.
            share = smooth_step(part - base, 0.15 * _BLINK_RISE, 0.6 * (peak - base))
            result[first:last] = part + share * (gain - 1.0) * (part - base)
    return np.clip(result, 0.0, 1.0)


def steady_gaze(times: np.ndarray, gaze: np.ndarray, lids: np.ndarray) -> np.ndarray:
    """Gaze (n, 4: left and right eye sideways, left and right eye up) of one stretch, steadied.

    Parameters
    ----------
    times : numpy.ndarray
        (n,) s.
    gaze : numpy.ndarray
        Sideways is positive to the subject's left for both eyes; 1 is the eye's full range.
    lids : numpy.ndarray
        (n, 2) as they were seen, 1 is closed; behind a blink gaze is carried over from both sides.
    """
    hidden = np.zeros(len(times), bool)
    for first, last in runs(lids.min(axis=1) > _HIDDEN):
        inside = first > 0 and last < len(times)
        hidden[first:last] = inside and times[last - 1] - times[first] <= _BLINK_S
    visible = np.flatnonzero(~hidden)
    if len(visible) < 3:
        return gaze
    seen, at = gaze[visible], times[visible]
    both = np.stack([seen[:, :2].mean(axis=1), seen[:, 2:].mean(axis=1)], axis=1)
    between = np.stack([seen[:, 0] - seen[:, 1], seen[:, 2] - seen[:, 3]], axis=1) / 2.0
    # The eyes turn together; how they differ is slow (vergence), the rest is noise.
    between = smoothed(at, between, _DRIFT_HZ)
    # A frame on its way from one fixation to the next stays what it was.
    fixations = -1 - np.arange(len(at))
    for k, part in enumerate(_fixations(at, both)):
        fixations[part] = k
    held = smoothed(at, both, _DRIFT_HZ, groups=fixations)
    eyes = np.stack(
        [held[:, 0] + between[:, 0], held[:, 0] - between[:, 0],
         held[:, 1] + between[:, 1], held[:, 1] - between[:, 1]], axis=1,
    )  # fmt: skip
    return np.stack([np.interp(times, at, eyes[:, k]) for k in range(4)], axis=1)


def _fixations(times: np.ndarray, gaze: np.ndarray) -> list[slice]:
    """Stretches of gaze (n, 2) that stay at one place; what lies between is on its way."""
    # Plain numbers: this goes frame by frame.
    sideways, up = gaze.T.tolist()

    def is_away(k: int, x: float, y: float) -> bool:
        return abs(sideways[k] - x) > _SACCADE or abs(up[k] - y) > _SACCADE

    found: list[slice] = []
    first, n = 0, len(times)
    while first < n:
        x, y, last = sideways[first], up[first], first + 1
        while last < n:
            # One frame away is noise, two are a movement.
            if is_away(last, x, y) and (last + 1 == n or is_away(last + 1, x, y)):
                break
            share = max(1.0 / (last - first + 1), _FOLLOWING)
            x += share * (sideways[last] - x)
            y += share * (up[last] - y)
            last += 1
        if times[last - 1] - times[first] >= _SHORTEST_FIXATION_S:
            found.append(slice(first, last))
            first = last
        else:
            first += 1
    return found
