"""EMG2Exp and Exp2EMG networks: rest stays rest, steps equal sequences, the mirror is exact."""

from __future__ import annotations

import numpy as np
import pytest
from torch_shim import torch_or_skip

torch = torch_or_skip()

from eifer.eifer_addon.spaces import ARKIT_NAMES  # noqa: E402
from eifer.models.emg_schemes import muscles_of  # noqa: E402
from eifer.models.training.emg.networks import (  # noqa: E402
    MISSING,
    CausalNetwork,
    FrameNetwork,
    Mirrored,
    Stepped,
    WindowNetwork,
)
from eifer.models.training.emg.pairs import mirror_order, sides_of  # noqa: E402

MUSCLES = muscles_of("fridlund")
KINDS = (FrameNetwork, CausalNetwork, WindowNetwork)


def network(kind: type, n_inputs: int = 22, n_outputs: int = 52) -> object:
    torch.manual_seed(0)
    return kind(n_inputs, n_outputs, hidden=16).eval()


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
    past = torch.zeros(2, made.context - 1, made.mixed)
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


def test_a_symmetric_input_has_a_symmetric_answer_to_the_bit() -> None:
    inputs, outputs = mirror_order(MUSCLES), mirror_order(ARKIT_NAMES)
    assert inputs is not None
    assert outputs is not None
    values = torch.rand(1, 22)
    values = torch.maximum(values, values[:, inputs])
    frame = Mirrored(network(FrameNetwork), inputs, outputs)
    stepped = Stepped(network(CausalNetwork), inputs, outputs)
    with torch.no_grad():
        for mean in (frame(values)[0], stepped(values, *stepped.first_states())[0]):
            np.testing.assert_array_equal(mean, mean[:, outputs])


def test_mirror_and_sides_of_names() -> None:
    order = mirror_order(("a.left", "a.right", "jawOpen"))
    assert order == [1, 0, 2]
    assert mirror_order(("exp.000", "exp.001")) is None
    assert mirror_order(("a.left", "b.right")) is None
    np.testing.assert_array_equal(sides_of(("a.left", "browDownRight", "jawOpen")), [1, -1, 0])
