"""A simulated session that was filmed and measured: what the face did, what each of both saw."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from eifer.eifer_addon import api
from eifer.eifer_addon.regions import region_of
from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.signals.recording import Recording
from eifer.eifer_addon.track import ExpressionTrack
from eifer.models.synthetic.physiology import simulate_recording

FPS = 30.0
#: The skin moves so much later than the muscle's signal (Büchner and others, CVPR 2025).
DELAY_S = 0.07


@dataclass(frozen=True)
class Session:
    """What is known of a simulated session.

    Attributes
    ----------
    truth, video, emg : ExpressionTrack
        What the face did and what the film shows of it, on the film's clock; what the muscles
        say, on the recording's.
    recording : Recording
    activity : Activity
    offset_s : float
        The recording's time when the film's clock shows 0.
    occlusion : dict of str to numpy.ndarray
        By part of the face, how far it is covered in each frame of the film.
    """

    truth: ExpressionTrack
    video: ExpressionTrack
    emg: ExpressionTrack
    recording: Recording
    activity: Activity
    offset_s: float
    occlusion: dict[str, np.ndarray]


def make_session(
    seed: int = 0, duration_s: float = 40.0, offset_s: float = 3.2, drift_ppm: float = 0.0
) -> Session:
    """Simulate a session.

    The face is the baseline model's answer to the true activity, with this person's own strength
    per coefficient, late by the electro-mechanical delay; gaze and the jaw move as well, which no
    electrode tells. The film has noise, is gone for some time, and is wrong where a hand covers
    the mouth. The EMG comes from the simulated electrodes with all that disturbs them.
    """
    rng = np.random.default_rng(1000 + seed)
    recording, truth = simulate_recording(duration_s, seed=seed)
    face = api.emg_to_expression(truth, model="baseline")
    times = np.arange(0.0, duration_s - offset_s - 1.0, 1.0 / FPS)
    on_emg = offset_s + (1.0 + drift_ppm * 1e-6) * times - DELAY_S
    values = np.stack([np.interp(on_emg, face.timestamps, c) for c in face.coefficients.T], axis=1)
    values *= rng.uniform(0.5, 1.1, values.shape[1])
    names = face.space.coefficients
    for name, speed in (("jawOpen", 0.31), ("eyeLookUpLeft", 0.2), ("eyeLookUpRight", 0.2)):
        values[:, names.index(name)] += 0.25 * (1 + np.sin(speed * 6.28 * times)) / 2
    values = np.clip(values, 0, 1).astype(np.float32)
    n, sure = len(times), np.ones(len(times), np.float32)
    real = ExpressionTrack(face.space, values, times, sure, np.zeros((n, 6), np.float32))
    # Frame noise, and the wandering that fits of faces have.
    seen = values + 0.03 * rng.standard_normal(values.shape)
    seen += 0.04 * np.sin(2 * np.pi * (0.1 * times[:, None] + rng.uniform(0, 1, values.shape[1])))
    confidence = np.full(n, 0.95, np.float32)
    covered = _stretches(times, rng, 0.25, 3.0)
    for name in names:
        if region_of(name) in ("mouth", "jaw", "cheek"):
            wrong = rng.uniform(0, 0.3) + 0.05 * rng.standard_normal(int(covered.sum()))
            seen[covered, names.index(name)] = wrong
    gone = _stretches(times, rng, 0.1, 1.5)
    confidence[gone], seen[gone] = 0.0, 0.0
    film = replace(real, coefficients=np.clip(seen, 0, 1).astype(np.float32), confidence=confidence)
    activity = api.to_activity(recording)
    hidden = covered.astype(np.float64)
    return Session(
        real, film, api.emg_to_expression(activity), recording, activity, offset_s,
        {"mouth": hidden, "jaw": hidden, "cheek": hidden},
    )  # fmt: skip


def _stretches(
    times: np.ndarray, rng: np.random.Generator, part: float, length_s: float
) -> np.ndarray:
    """Frames (n,) in stretches of a length that are about a part of all."""
    flags = np.zeros(len(times), bool)
    for _ in range(max(1, round(part * times[-1] / length_s))):
        begin = rng.uniform(1.0, times[-1] - length_s - 1.0)
        flags |= (times >= begin) & (times < begin + length_s)
    return flags
