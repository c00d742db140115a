"""A tiny session folder in which expression follows muscles by a known rule and delay."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.spaces import get_space
from eifer.eifer_addon.track import ExpressionTrack

MUSCLES = ("zygomaticus.left", "zygomaticus.right", "corrugator.left", "corrugator.right")
DELAY_S = 0.08


def curve(rng: np.random.Generator, seconds: float, rate_hz: float) -> np.ndarray:
    """Bumps of activity, (n,)."""
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    found = np.zeros(len(times))
    for at in np.arange(1.0, seconds - 1.0, 1.7):
        found += rng.uniform(0.4, 1.0) * np.exp(-(((times - at - rng.uniform(0, 0.4)) / 0.3) ** 2))
    return found


def write_sessions(
    folder: Path, subjects: int = 3, seconds: float = 12.0, space: str = "arkit52"
) -> Path:
    """Sessions of subjects, one clip each of three movements."""
    rng = np.random.default_rng(0)
    columns = get_space(space).coefficients
    for subject in range(subjects):
        place = folder / f"S{subject}" / "1"
        place.mkdir(parents=True)
        for movement in ("smile", "frown", "both"):
            moves = np.stack([curve(rng, seconds, 100.0) for _ in range(2)], axis=1)
            moves *= {"smile": [1, 0], "frown": [0, 1], "both": [1, 1]}[movement]
            values = np.repeat(moves, 2, axis=1).astype(np.float32)
            n = len(MUSCLES)
            Activity(values, 100.0, MUSCLES, np.zeros(n), np.ones(n), channels=MUSCLES).save(
                place / f"{movement}_activity.npz"
            )
            times = np.arange(round(seconds * 30)) / 30
            late = np.stack(
                [np.interp(times - DELAY_S, np.arange(len(m)) / 100.0, m) for m in moves.T], axis=1
            )
            face = np.zeros((len(times), len(columns)), np.float32)
            if space == "arkit52":
                for name, k in (("mouthSmile", 0), ("browDown", 1)):
                    for side in ("Left", "Right"):
                        face[:, columns.index(name + side)] = 0.8 * late[:, k]
            else:
                face[:, 0], face[:, 1] = 2.0 * late[:, 0] - late[:, 1], -1.5 * late[:, 1]
            ExpressionTrack(get_space(space), face, times, np.ones(len(times), np.float32)).save(
                place / f"{movement}_track.npz"
            )
    return folder
