"""The groups of losses: each teaches what it should, and a weight of 0 leaves it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from torch_shim import torch_or_skip

from eifer.models.training.config import Config, load_config

torch = torch_or_skip()

from cycle_faces import faces  # noqa: E402

from eifer.models.training.cycle import losses  # noqa: E402
from eifer.models.training.cycle.eifer import Eifer  # noqa: E402
from eifer.models.training.cycle.unpaired import UnpairedData  # noqa: E402

#: What each group, alone, teaches: beginnings of the names of parameters.
TEACHES = {
    "adversarial": {"generator", "encoder"},
    "reconstruction": {"generator", "encoder"},
    "minimal_change": {"generator", "encoder"},
    "occlusion_expression": {"generator", "encoder"},
    "occlusion_shape": {"generator", "encoder"},
    "global_transformation": {"generator", "encoder"},
    "anchor": {"encoder"},
}
_SECOND_PASS = 2
#: Where parameters lie; a generator has encoding levels too, so it is asked for first.
_PARTS = ("generator", "encoder", "critic")


def _config(**weights: float) -> Config:
    alone = dict.fromkeys((*losses.GROUPS, losses.ANCHOR), 0.0) | weights
    small = {"model.image_size": 48, "model.width": 4, "model.blocks": 0, "model.mesh_hull": 0.0}
    given = [f"loss.{name}={value}" for name, value in alone.items()]
    given += ["model.name=eifer", *(f"{name}={value}" for name, value in small.items())]
    return load_config("translator", None, given, smoke=True)


@pytest.fixture(scope="module")
def batch() -> Mapping[str, Any]:
    person = faces(2, 2)
    data = UnpairedData(_config(), [person], [person], {})
    return next(iter(data.val_dataloader()))


@pytest.fixture(scope="module")
def trained() -> Eifer:
    torch.manual_seed(0)
    module = Eifer(_config(adversarial=1.0))
    logged: dict[str, float] = {}
    module.log = lambda name, value, **_: logged.__setitem__(name, float(value))
    module.logged = logged
    with torch.no_grad():  # fresh encoders say nearly the same of every picture
        for name, weights in module.named_parameters():
            if "_layers.0.weight" in name:
                weights.mul_(100)
    return module


def _step(module: Eifer, batch: Mapping[str, Any], **weights: float) -> set[str]:
    """One step with some weights; gives what got gradients."""
    module.config = _config(**weights)
    module.weights = dict(module.weights) | dict.fromkeys(module.weights, 0.0) | weights
    module.zero_grad(set_to_none=True)
    module.logged.clear()
    torch.manual_seed(1)
    module.training_step(batch, 0).backward()
    touched = set()
    for name, weight in module.named_parameters():
        if weight.grad is not None and float(weight.grad.abs().max()) > 0:
            touched.add(next(part for part in _PARTS if part in name))
    return touched


@pytest.mark.parametrize("group", TEACHES)
def test_each_group_alone_teaches_what_it_should(
    trained: Eifer, batch: Mapping[str, Any], group: str
) -> None:
    """And the second pass is run only when the group looks at it."""
    passes = []
    hooks = [
        module.register_forward_hook(lambda *_: passes.append(1))
        for module in (trained.s2n, trained.n2s)
    ]
    touched = _step(trained, batch, **{group: 1.0})
    for hook in hooks:
        hook.remove()
    assert touched - {"critic"} == TEACHES[group]
    assert ("critic" in touched) == (group == "adversarial")
    assert set(trained.logged) - {"loss", "loss/critics"} == {f"loss/{group}"}
    assert trained.logged[f"loss/{group}"] > 0
    assert len(passes) == (2 * _SECOND_PASS if group in losses.SECOND else _SECOND_PASS)


@pytest.mark.parametrize("group", [*losses.GROUPS, losses.ANCHOR])
def test_a_weight_of_zero_leaves_the_computation_out(
    trained: Eifer, batch: Mapping[str, Any], group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError(f"{group} was computed")

    monkeypatch.setattr(losses, group, refuse)
    with torch.no_grad():
        off, on = trained.cycles(batch, second=False)
    compute = trained.groups(off, on)
    assert set(compute) == {*losses.GROUPS, losses.ANCHOR}
    assert losses.counted({group: 0.0}, compute) == {}
    with pytest.raises(AssertionError, match="was computed"):
        losses.counted({group: 0.5}, compute)


def test_equal_codes_cost_nothing_and_different_ones_do(
    trained: Eifer, batch: Mapping[str, Any]
) -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        off, on = trained.cycles(batch, second=True)
    same = [
        losses.Cycle(cycle.source, cycle.first, cycle.first, cycle.points) for cycle in (off, off)
    ]
    for group in ("occlusion_expression", "occlusion_shape", "global_transformation"):
        function = getattr(losses, group)
        assert float(function(*same)) == pytest.approx(0, abs=1e-9)
        assert float(function(off, on)) > 1e-6


def test_shape_is_compared_over_both_cycles(trained: Eifer, batch: Mapping[str, Any]) -> None:
    """Each cycle may agree with itself: two shapes for one person still cost."""
    with torch.no_grad():
        off, on = trained.cycles(batch, second=False)
    off, on = (losses.Cycle(c.source, c.first, c.first, c.points) for c in (off, on))
    assert float(losses.occlusion_shape(off, on)) > 0
    assert float(losses.occlusion_expression(off, on)) == 0


@pytest.mark.parametrize("kind", ["lsgan", "hinge"])
def test_critics_want_what_generators_do_not(kind: str) -> None:
    good, bad = torch.full((1, 1, 3, 3), 1.0), torch.full((1, 1, 3, 3), -0.5)
    assert losses.judged(good, real=True, kind=kind) < losses.judged(bad, real=True, kind=kind)
    assert losses.judged(bad, real=False, kind=kind) < losses.judged(good, real=False, kind=kind)
    assert losses.fooled(good, kind) < losses.fooled(bad, kind)


def test_an_anchor_pulls_the_rendering_onto_the_landmarks(
    trained: Eifer, batch: Mapping[str, Any]
) -> None:
    with torch.no_grad():
        off, on = trained.cycles(batch, second=False)
    far = float(losses.anchor(off, on, 1.0))
    on_it = [
        losses.Cycle(c.source, c.first, None, c.first.drawn.landmarks)
        for c in (off, on)
        if c.first.drawn is not None
    ]
    assert float(losses.anchor(*on_it, 1.0)) < 0.2 * far
    assert float(losses.anchor(off, on, 0.0)) != float(losses.anchor(off, on, 1.0))
