"""Learns the landmark network's noise from drawings and writes `data/landmark_noise.npz`.

``python -m eifer.eifer_addon.video.fit_learn [--people 1000] [--workers 2] [--out FILE]``

A thousand people in six frames each take half an hour on two cores. Only the open head is drawn:
other heads, the ICT FaceKit's among them, are left to the tests. Seeds begin at 1,000,000, so that
no person of the tests and benchmarks is among them.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path

import numpy as np

from ..files import save_npz
from ..heads.canonical import mirrored_landmarks
from ..heads.open_head import load_open_head
from ..progress import ProgressBar
from ..spaces import ARKIT_NAMES
from .fit_grid import N_POINTS
from .fit_model import landmark_model
from .fit_noise import DATA, KIND, VERSION
from .fit_renders import Readings, read_person
from .landmarker import FaceLandmarker

FIRST_PERSON = 1_000_000
_FRAMES = 6
_MODES, _PERSON_MODES = 100, 60
#: Ridge of unit responses, in sums of squared coefficients.
_RIDGE = 10.0
#: Readings that are off by more m than this on average lost the face.
_LOST = 0.006
_MIN_SPREAD = 0.04


def learn(readings: Readings) -> dict[str, np.ndarray]:
    """The arrays of `LandmarkNoise` from readings.

    Bias by pose and response to units come from ridge regression, spread and modes from what that
    leaves: within persons, and between their means. Everything is also mirrored, so that the two
    sides of a face are treated alike.
    """
    both = Readings.joined([readings, _mirrored(readings)])
    both = _chosen(both, np.abs(both.offsets).mean(axis=(1, 2)) < _LOST)
    bias, response, left = _landmark_response(both)
    within, means, counts = _by_person(left.reshape(len(left), -1), both.person)
    modes, rest = _modes(within, _MODES)
    person_modes, person_rest = _modes(means[counts > 2], _PERSON_MODES)
    own = means.var(axis=0) - within.var(axis=0) / counts.mean()
    own = np.sqrt(np.maximum(own, 1e-8)).reshape(2, N_POINTS)
    columns = np.concatenate([both.features, both.units], axis=1)
    solved, scores_left = _ridge(columns, both.scores, 6)
    scores_within, scores_means, _ = _by_person(scores_left, both.person)
    return {
        "bias": bias, "response": response, "spread": rest, "modes": modes,
        "person": np.stack([own[0], own[1], own.mean(axis=0)], axis=1),
        "person_modes": person_modes, "person_rest": person_rest,
        "scores_bias": solved[:6], "scores_response": solved[6:].T,
        "scores_spread": np.maximum(scores_within.std(axis=0), _MIN_SPREAD),
        "scores_person": scores_means.std(axis=0),
    }  # fmt: skip


def _mirrored(readings: Readings) -> Readings:
    """The same drawings seen in a mirror, as other people's."""
    names = [_other_side(name) for name in ARKIT_NAMES]
    sides = np.array([ARKIT_NAMES.index(name) for name in names])
    flip = np.diag([-1.0, 1.0, 1.0])
    return Readings(
        readings.person + 10**9,
        readings.offsets[:, :, mirrored_landmarks()] * np.array([-1.0, 1.0])[:, None],
        readings.features * (1, -1, 1, 1, 1, -1), flip @ readings.seen @ flip,
        readings.units[:, sides], readings.scores[:, sides],
    )  # fmt: skip


def _other_side(name: str) -> str:
    for one, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(one):
            return name.removesuffix(one) + other
    return name


def _chosen(readings: Readings, rows: np.ndarray) -> Readings:
    return Readings(*(getattr(readings, name)[rows] for name in Readings.__dataclass_fields__))


def _landmark_response(readings: Readings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bias (6, 2, 478), response (478, 3, 52) in head axes, and what is left (n, 2, 478)."""
    n, none = len(readings.person), np.zeros_like(readings.features)
    rows = []
    for axis, features in enumerate(((readings.features, none), (none, readings.features))):
        turned = [readings.seen[:, axis, k : k + 1] * readings.units for k in range(3)]
        rows.append(np.concatenate([*features, *turned], axis=1))
    wanted = np.concatenate([readings.offsets[:, 0], readings.offsets[:, 1]])
    solved, left = _ridge(np.concatenate(rows), wanted, 12)
    bias = solved[:12].reshape(2, 6, N_POINTS).transpose(1, 0, 2)
    response = solved[12:].reshape(3, len(ARKIT_NAMES), N_POINTS).transpose(2, 0, 1)
    return bias, response, np.stack([left[:n], left[n:]], axis=1)


def _ridge(columns: np.ndarray, wanted: np.ndarray, n_free: int) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and what they leave; the first columns are hardly held."""
    cost = np.full(columns.shape[1], _RIDGE)
    cost[:n_free] = 1.0
    solved = np.linalg.solve(columns.T @ columns + np.diag(cost), columns.T @ wanted)
    return solved, wanted - columns @ solved


def _by_person(left: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Deviations from the person's mean (of all with two rows), means, and numbers of rows."""
    _, index = np.unique(person, return_inverse=True)
    counts = np.bincount(index)
    means = np.zeros((len(counts), left.shape[1]))
    np.add.at(means, index, left)
    means /= counts[:, None]
    several = counts[index] > 1
    spread = np.sqrt(counts[index] / np.maximum(counts[index] - 1, 1))[several]
    return (left - means[index])[several] * spread[:, None], means, counts


def _modes(left: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Modes (k, 2, 478) with a standard deviation of 1 each, and what they leave (2, 478)."""
    _, values, axes = np.linalg.svd(left, full_matrices=False)
    count = min(count, len(values) // 2)
    modes = axes[:count] * (values[:count] / np.sqrt(len(left)))[:, None]
    rest = left - left @ axes[:count].T @ axes[:count]
    return modes.reshape(-1, 2, N_POINTS), rest.std(axis=0).reshape(2, N_POINTS)


@cache
def _landmarker() -> FaceLandmarker:
    return FaceLandmarker()


def _one(number: int, n_frames: int) -> Readings | None:
    head = load_open_head()
    return read_person(number, head, landmark_model(head), _landmarker(), n_frames)


def draw_people(count: int, workers: int = 1, n_frames: int = _FRAMES) -> Readings:
    """Readings of so many made-up people."""
    bar, parts = ProgressBar("Drawing people"), []
    numbers = range(FIRST_PERSON, FIRST_PERSON + count)
    with ProcessPoolExecutor(workers) as pool:
        for done, part in enumerate(pool.map(partial(_one, n_frames=n_frames), numbers), 1):
            parts += [] if part is None else [part]
            bar(done, count)
    return Readings.joined(parts)


def main(arguments: list[str]) -> None:
    """Draw, learn and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=DATA)
    options = parser.parse_args(arguments)
    arrays = learn(draw_people(options.people, options.workers))
    # Modes are most of the file, and half precision is a thousandth of what they say.
    small = {"modes", "person_modes"}
    kept = {k: v.astype(np.float16 if k in small else np.float32) for k, v in arrays.items()}
    save_npz(options.out, KIND, VERSION, kept, {"people": options.people, "head": "open"})


if __name__ == "__main__":
    main(sys.argv[1:])
