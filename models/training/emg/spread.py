"""How sure a trained network is: the spread about its answers, fitted last and then checked.

The errors of a network that still learns say little, so the layer that tells the spread is fitted
once more when everything before it stands, on varied examples; sessions that were held out then
give one factor for each output.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch

from .wrappers import Mirrored

if TYPE_CHECKING:
    from .task import LinkModule, LinkTask

#: Steps of the last fit, and its learning rate at the start.
_STEPS, _RATE = 300, 0.03


def fit_spread(task: LinkTask, module: LinkModule) -> None:
    """Fit the layer of the spread on the training examples; nothing else changes."""
    layer = module.network.head.log_spread
    assert isinstance(layer, torch.nn.Linear)
    steps = min(_STEPS, int(task.config.trainer["max_steps"]))
    optimiser = torch.optim.Adam(layer.parameters(), lr=_RATE)
    epochs = itertools.chain.from_iterable(itertools.repeat(task.data.train_dataloader()))
    with torch.enable_grad():
        for step, batch in enumerate(itertools.islice(epochs, steps)):
            inputs, targets, known = module.pick(batch)
            mean, log_spread = module(inputs)
            scaled = module.error(mean, targets).detach() * torch.exp(-log_spread)
            there = known[..., None] * (~torch.isnan(targets))
            loss = ((0.5 * scaled**2 + log_spread) * there).sum() / there.sum().clamp(min=1.0)
            for group in optimiser.param_groups:
                group["lr"] = _RATE * (1.0 - step / steps)
            layer.zero_grad()
            loss.backward(inputs=list(layer.parameters()))
            optimiser.step()
        layer.zero_grad()


def spread_scale(
    task: LinkTask, module: LinkModule, wrapped: Mirrored
) -> tuple[torch.Tensor, float]:
    """Factors that make spreads true on sessions that were held out, and the share within one."""
    wanted, found, spreads = [], [], []
    whole = Mirrored(
        module.network, wrapped.in_order.tolist(), wrapped.out_order.tolist(),
        mirrored=wrapped.mirrored, bounds=task.names.bounds(),
    )  # fmt: skip
    with torch.no_grad():
        for batch in task.data.val_dataloader():
            inputs, targets, known = module.pick(batch)
            mean, spread = whole(inputs)
            keep = known > 0
            wanted.append(targets[keep])
            found.append(mean[keep])
            spreads.append(spread[keep])
    wrong = torch.cat(found) - torch.cat(wanted)
    wrong = torch.where(torch.isnan(wrong), 0.0, wrong)
    spread = torch.cat(spreads)
    factor = ((wrong / spread) ** 2).mean(dim=0).sqrt().clamp(0.05, 20.0)
    moving = module.moving
    within = (wrong.abs() <= spread * factor)[:, moving].float().mean() if moving.any() else 1.0
    return factor, float(within)
