"""What the tests of the muscle analysis share: a simulated recording, and a film's view of it."""

from __future__ import annotations

import functools

import numpy as np
from scipy import ndimage

from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.signals.recording import Recording
from eifer.models.synthetic.physiology import simulate_recording

FILM_HZ = 30.0
#: How a film's view differs from the muscles: compressed, weaker, and noisy.
_POWER, _GAIN, _NOISE = 0.85, 0.7, 0.02


@functools.cache
def simulated(seed: int = 0, duration_s: float = 20.0) -> tuple[Recording, Activity]:
    """A recording and its truth."""
    return simulate_recording(duration_s, 1000.0, seed)


def seen_in_a_film(
    truth: Activity, late_s: float, *, begins_s: float = 0.0, seed: int = 0,
    gains: dict[str, float] | None = None,
) -> Activity:  # fmt: skip
    """The truth as a film would show it: late, at 30 Hz, with a gain of its own and noise.

    Parameters
    ----------
    truth : Activity
    late_s : float
    begins_s : float
        Time of the recording at which the film begins; the film's own clock begins at 0.
    seed : int
    gains : dict, optional
        By muscle, on top of the common one.
    """
    rng = np.random.default_rng(seed)
    times = np.arange(begins_s, truth.timestamps[-1] - 0.3, 1 / FILM_HZ)
    curves = [np.interp(times - late_s, truth.timestamps, c) for c in truth.values.T]
    values = np.maximum(ndimage.gaussian_filter1d(np.stack(curves, 1), 1.0, axis=0), 0)
    values = _GAIN * values**_POWER + rng.normal(0, _NOISE, values.shape)
    for muscle, gain in (gains or {}).items():
        values[:, truth.muscles.index(muscle)] *= gain
    n = len(truth.muscles)
    return Activity(
        np.maximum(values, 0).astype(np.float32), FILM_HZ, truth.muscles, np.zeros(n), np.ones(n),
        truth.muscles, source={"model": "the truth, late and noisy", "simulated": True},
    )  # fmt: skip
