"""EMG2Exp and Exp2EMG networks: rest stays rest, steps equal sequences, the mirror is exact."""

from __future__ import annotations

import numpy as np
import pytest
from torch_shim import torch_or_skip

torch = torch_or_skip()

from eifer.eifer_addon.spaces import ARKIT_NAMES  # noqa: E402
from eifer.models.emg_schemes import muscles_of  # noqa: E402
from eifer.models.training.emg.anatomy import agonists_of  # noqa: E402
from eifer.models.training.emg.networks import (  # noqa: E402
    MISSING,
    CausalNetwork,
    FrameNetwork,
    WindowNetwork,
)
from eifer.models.training.emg.pairs import (  # noqa: E402
    Pair,
    mirror_order,
    sides_of,
    within_effort,
)
from eifer.models.training.emg.wrappers import Mirrored, Stepped  # noqa: E402

MUSCLES = muscles_of("fridlund")
KINDS = (FrameNetwork, CausalNetwork, WindowNetwork)


def network(kind: type, n_inputs: int = 22, n_outputs: int = 52) -> object:
    torch.manual_seed(0)
    if kind is WindowNetwork:
        return kind(n_inputs, n_outputs, hidden=16).eval()
    return kind(n_inputs, n_outputs, hidden=16, agonists=agonists_of(MUSCLES, ARKIT_NAMES)).eval()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [(), (0, 5), tuple(range(4, 22))])
def test_rest_stays_at_rest_whatever_was_recorded(kind: type, missing: tuple[int, ...]) -> None:
    values = torch.zeros(1, 30, 22)
    values[..., list(missing)] = MISSING
    with torch.no_grad():
        mean, spread = network(kind)(values)
    assert float(mean.abs().max()) == 0.0
    assert torch.isfinite(spread).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_muscle_is_not_a_resting_one(kind: type) -> None:
    torch.manual_seed(1)
    values = torch.rand(1, 30, 22)
    rests, lacks = values.clone(), values.clone()
    rests[..., 7] = 0.0
    lacks[..., 7] = MISSING
    with torch.no_grad():
        made = network(kind)
        assert float((made(rests)[0] - made(lacks)[0]).abs().max()) > 1e-4


def test_steps_give_what_the_sequence_gives() -> None:
    made = network(CausalNetwork)
    values = torch.rand(2, 25, 22)
    past = torch.zeros(2, made.context - 1, made.kept)
    memory = torch.zeros(2, made.memory)
    with torch.no_grad():
        whole, spreads = made(values)
        for k in range(values.shape[1]):
            mean, spread, past, memory = made.step(values[:, k], past, memory)
            np.testing.assert_allclose(mean, whole[:, k], atol=1e-6)
            np.testing.assert_allclose(spread, spreads[:, k], atol=1e-5)


def test_a_causal_network_sees_no_future_and_a_window_does() -> None:
    values = torch.rand(1, 60, 22)
    later = values.clone()
    later[:, 40:] = 0.0
    with torch.no_grad():
        for kind, sees in ((CausalNetwork, False), (WindowNetwork, True)):
            made = network(kind)
            change = (made(values)[0] - made(later)[0]).abs()[:, :40]
            assert bool(change.max() > 0) is sees


def test_a_symmetric_input_has_a_symmetric_answer() -> None:
    inputs, outputs = mirror_order(MUSCLES), mirror_order(ARKIT_NAMES)
    assert inputs is not None
    assert outputs is not None
    values = torch.rand(1, 22)
    values = torch.maximum(values, values[:, inputs])
    frame = Mirrored(network(FrameNetwork), inputs, outputs)
    stepped = Stepped(network(CausalNetwork), inputs, outputs)
    with torch.no_grad():
        mean = frame(values)[0]
        np.testing.assert_array_equal(mean, mean[:, outputs])
        # Both images are rows of one batch here, which torch may round in different ways.
        mean = stepped(values, *stepped.first_states())[0]
        np.testing.assert_allclose(mean, mean[:, outputs], rtol=0, atol=1e-6)


def test_mirror_and_sides_of_names() -> None:
    order = mirror_order(("a.left", "a.right", "jawOpen"))
    assert order == [1, 0, 2]
    assert mirror_order(("exp.000", "exp.001")) is None
    assert mirror_order(("a.left", "b.right")) is None
    np.testing.assert_array_equal(sides_of(("a.left", "browDownRight", "jawOpen")), [1, -1, 0])


def only(**levels: float) -> torch.Tensor:
    """Frames (1, 40, 22) with some muscles at work on both sides, the others at rest."""
    values = torch.zeros(1, 40, 22)
    for name, level in levels.items():
        for side in ("left", "right"):
            values[..., MUSCLES.index(f"{name}.{side}")] = level
    return values


@pytest.mark.parametrize("kind", KINDS[:2])
def test_an_expression_moves_only_where_a_muscle_of_its_own_acts(kind: type) -> None:
    brow, smile = (ARKIT_NAMES.index(n) for n in ("browDownLeft", "mouthSmileLeft"))
    with torch.no_grad():
        made = network(kind)
        mean = made(only(zygomaticus=0.6, mentalis=0.3))[0][0, -1]
        assert float(mean[brow]) == 0.0
        assert float(mean[smile].abs()) > 0.01
        # Where its muscles were not recorded it is told from the others.
        lacks = only(zygomaticus=0.6, mentalis=0.3)
        for muscle in ("corrugator", "depressor_supercilii"):
            for side in ("left", "right"):
                lacks[..., MUSCLES.index(f"{muscle}.{side}")] = MISSING
        assert float(made(lacks)[0][0, -1, brow].abs()) > 0.0


@pytest.mark.parametrize("kind", KINDS[:2])
def test_faint_activity_has_a_proportional_answer(kind: type) -> None:
    brow = ARKIT_NAMES.index("browDownLeft")
    with torch.no_grad():
        made = network(kind)
        faint, fainter = (
            float(made(only(corrugator=level))[0][0, -1, brow]) for level in (0.02, 0.002)
        )
    assert fainter > 0
    assert faint / fainter == pytest.approx(10.0, rel=0.1)


def test_what_was_recorded_of_antagonists_holds_back_on_its_own_side() -> None:
    agonists = agonists_of(MUSCLES, ARKIT_NAMES)
    assert agonists is not None
    left, right, brow = (
        ARKIT_NAMES.index(n) for n in ("mouthSmileLeft", "mouthSmileRight", "browDownLeft")
    )
    level = torch.zeros(22)
    with torch.no_grad():
        assert float(agonists.held(level).abs().max()) == 0.0
        level[MUSCLES.index("masseter.left")] = 0.3
        held = agonists.held(level)
        assert float(held[left]) > 0.005
        assert float(held[right]) == float(held[brow]) == 0.0
        # A muscle that pulls holds nothing of its own back.
        level = torch.zeros(22)
        level[MUSCLES.index("zygomaticus.left")] = 0.3
        assert float(agonists.held(level)[left]) == 0.0


@pytest.mark.parametrize("kind", KINDS[:2])
def test_others_hardly_change_a_faint_movement(kind: type) -> None:
    smile = ARKIT_NAMES.index("mouthSmileLeft")
    with torch.no_grad():
        made = network(kind)
        made.head.factor.bias.fill_(3.0)
        many = made(only(zygomaticus=0.5))[0][0, -1, smile]
        few = made(only(zygomaticus=0.01))[0][0, -1, smile]
        made.head.factor.bias.fill_(0.0)
        assert float(many / made(only(zygomaticus=0.5))[0][0, -1, smile]) > 1.3
        assert float(few / made(only(zygomaticus=0.01))[0][0, -1, smile]) < 1.05


def test_other_spaces_have_no_agonists() -> None:
    assert agonists_of(MUSCLES, tuple(f"exp.{k:03d}" for k in range(50))) is None
    made = FrameNetwork(22, 50, hidden=16)
    assert not any("agonists" in name for name in made.state_dict())


def test_activity_beyond_full_effort_is_in_parts_of_the_strongest_of_its_session() -> None:
    def pair(session: str, levels: tuple[float, float, float]) -> Pair:
        activity = np.tile(np.array(levels, np.float32), (200, 1))
        return Pair("S", session, "m", activity, np.zeros((200, 1), np.float32), np.ones(200, bool))

    given = [pair("1", (0.5, 8.0, MISSING)), pair("1", (0.4, 2.0, MISSING)), pair("2", (0, 2, 0))]
    found = within_effort(given)
    np.testing.assert_allclose(found[0].activity[0], (0.5, 1.0, MISSING), atol=1e-6)
    np.testing.assert_allclose(found[1].activity[0], (0.4, 0.25, MISSING), atol=1e-6)
    np.testing.assert_allclose(found[2].activity[0], (0.0, 1.0, 0.0), atol=1e-6)
