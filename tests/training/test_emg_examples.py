"""How sessions are varied: channels that studies have, sides, and what stays as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch_shim import torch_or_skip

torch = torch_or_skip()

from eifer.eifer_addon.spaces import ARKIT_NAMES  # noqa: E402
from eifer.models.emg_schemes import muscles_of  # noqa: E402
from eifer.models.training.emg.examples import Examples  # noqa: E402
from eifer.models.training.emg.networks import MISSING  # noqa: E402
from eifer.models.training.emg.pairs import Pair  # noqa: E402

MUSCLES = muscles_of("fridlund")
PLAIN = {
    "watching": 0.0, "keep_all": 1.0, "mirror": 0.0, "two_sided": 0.0, "own_scale": 0.0,
    "gain": 0.0, "coefficient_noise": 0.0,
}  # fmt: skip


def session(chewing: float) -> Pair:
    """A smile of 10 s while somebody chews with so much effort."""
    rng = np.random.default_rng(5)
    activity = rng.random((1000, len(MUSCLES)), np.float32) * 0.2
    activity[:, [m.startswith("zygomaticus") for m in MUSCLES]] = 0.8
    activity[:, [m.startswith("masseter") for m in MUSCLES]] = chewing
    coefficients = rng.random((1000, len(ARKIT_NAMES)), np.float32)
    return Pair("s", "1", "smile", activity, coefficients, np.ones(1000, bool))


def drawn(pairs: list[Pair], **settings: Any) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Fifty examples as arrays."""
    made = Examples(pairs, MUSCLES, ARKIT_NAMES, length=20, seed=1, settings={**PLAIN, **settings})
    return [tuple(part.numpy() for part in made[k]) for k in range(50)]


def test_an_example_that_is_not_varied_is_a_stretch_of_its_session() -> None:
    pair = session(0.1)
    for activity, coefficients, known in drawn([pair]):
        start = int(np.flatnonzero((pair.coefficients == coefficients[0]).all(axis=1))[0])
        np.testing.assert_array_equal(activity, pair.activity[start : start + 20])
        np.testing.assert_array_equal(coefficients, pair.coefficients[start : start + 20])
        assert known.all()


def test_who_watches_has_few_channels_and_a_mouth_at_rest() -> None:
    chews, rests = session(0.9), session(0.1)
    coefficients = {row.tobytes() for row in rests.coefficients}
    kept = set()
    # Drawn in random order: of two sessions the one without chewing is found nearly always.
    found = 0
    for activity, face, _ in drawn([chews, rests], watching=1.0):
        there = {
            m.partition(".")[0] for m, v in zip(MUSCLES, activity.T, strict=True) if v[0] > MISSING
        }
        assert {"zygomaticus", "corrugator"} <= there
        assert len(there) <= 3
        kept |= there
        found += face[0].tobytes() in coefficients
        on_cheek = [k for k, m in enumerate(MUSCLES) if m.startswith("zygomaticus")]
        np.testing.assert_allclose(activity[:, on_cheek], 0.8)
    assert len(kept) == 5
    assert found >= 40


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_channels_are_left_out_of_the_share_that_is_told(share: float) -> None:
    lacking = [
        (activity == MISSING).any() for activity, *_ in drawn([session(0.1)], keep_all=share)
    ]
    assert np.mean(lacking) == pytest.approx(1.0 - share, abs=0.2)


def test_the_mirror_exchanges_sides_of_muscles_and_face() -> None:
    pair = session(0.1)
    left, right = MUSCLES.index("masseter.left"), MUSCLES.index("masseter.right")
    pair.activity[:, left] = 0.7
    smile = [ARKIT_NAMES.index(f"mouthSmile{side}") for side in ("Left", "Right")]
    pair.coefficients[:, smile] = (0.9, 0.0)
    for activity, coefficients, _ in drawn([pair], mirror=1.0):
        np.testing.assert_allclose(activity[:, right], 0.7)
        np.testing.assert_allclose(coefficients[:, smile[1]], 0.9)
        np.testing.assert_allclose(coefficients[:, smile[0]], 0.0)
