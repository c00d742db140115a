"""The networks of EMG2Exp and Exp2EMG: per frame, causal, and with a look ahead.

All keep rest at rest: where no muscle acts (no coefficient is raised) now or before, the answer is
exactly 0, whichever channels were recorded. The last layers are evaluated twice for that, on what
is there and on nothing, and subtracted; everything before has no bias.

`FrameNetwork` is the per-frame multilayer perceptron of Büchner and others (CVPR 2025).
`CausalNetwork` sees the last frames by a causal convolution and remembers what came before in a
small gated recurrent unit (K. Cho and others, EMNLP 2014), so that it can learn how much later the
skin moves than the muscle's signal. `WindowNetwork` sees frames before and after, because muscles
act before the face moves.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

#: What stands in the input for a muscle that was not recorded; activity is never negative.
MISSING = -1.0
#: Where a further slope may begin, in parts of full effort: thresholds of action units.
_HINGES = (0.0, 0.15, 0.4, 0.8)
_LOWEST_LOG_SPREAD, _HIGHEST_LOG_SPREAD = -6.0, 1.0


class Encoding(nn.Module):
    """Numbers as features that are 0 at rest, and which of them are missing.

    Parameters
    ----------
    n_inputs : int
    positive : bool
        True for activity and bounded coefficients: hinges, growing with the logarithm above 1, and
        `MISSING` where a number is not known. False for coefficients of either sign.
    """

    scale: Tensor

    def __init__(self, n_inputs: int, *, positive: bool) -> None:
        super().__init__()
        self.positive = positive
        self.n_inputs = n_inputs
        self.n_features = n_inputs * (len(_HINGES) if positive else 3)
        self.register_buffer("scale", torch.ones(n_inputs))

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Features (..., n_features) and 1 where missing (..., n_inputs)."""
        if not self.positive:
            scaled = values / self.scale
            parts = [scaled, functional.relu(scaled), torch.tanh(scaled)]
            return torch.cat(parts, dim=-1), torch.zeros_like(values)
        missing = (values < 0.5 * MISSING).to(values.dtype)
        level = functional.relu(values)
        level = torch.clamp(level, max=1.0) + torch.log1p(functional.relu(level - 1.0))
        return torch.cat([functional.relu(level - h) for h in _HINGES], dim=-1), missing


class Head(nn.Module):
    """From features that are 0 at rest to means that are 0 at rest, and the spread about them."""

    def __init__(self, n_features: int, n_context: int, n_hidden: int, n_outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(n_features + n_context, n_hidden)
        self.second = nn.Linear(n_hidden, n_hidden)
        self.mean = nn.Linear(n_hidden, n_outputs, bias=False)
        self.direct = nn.Linear(n_features, n_outputs, bias=False)
        self.log_spread = nn.Linear(n_hidden, n_outputs)
        nn.init.constant_(self.log_spread.bias, -1.5)
        nn.init.zeros_(self.direct.weight)

    def forward(self, features: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Means and logarithms of the spread, (..., n_outputs)."""
        hidden = self._hidden(features, context)
        at_rest = self._hidden(torch.zeros_like(features), context)
        mean = self.mean(hidden) - self.mean(at_rest) + self.direct(features)
        # What is unsure must not change what is believed.
        spread = self.log_spread(hidden.detach())
        return mean, torch.clamp(spread, _LOWEST_LOG_SPREAD, _HIGHEST_LOG_SPREAD)

    def _hidden(self, features: Tensor, context: Tensor) -> Tensor:
        first = functional.silu(self.first(torch.cat([features, context], dim=-1)))
        return functional.silu(self.second(first))


class FrameNetwork(nn.Module):
    """Every frame by itself.

    Parameters
    ----------
    n_inputs, n_outputs, hidden : int
    positive : bool
        As for `Encoding`.
    """

    def __init__(
        self, n_inputs: int, n_outputs: int, *, hidden: int = 96, positive: bool = True
    ) -> None:
        super().__init__()
        self.encoding = Encoding(n_inputs, positive=positive)
        self.head = Head(self.encoding.n_features, n_inputs, hidden, n_outputs)

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log spreads (..., n_outputs) of frames (..., n_inputs)."""
        mean, spread = self.head(*self.encoding(values))
        return mean, spread


class CausalNetwork(nn.Module):
    """The frames so far, by a causal convolution and a recurrent memory.

    Parameters
    ----------
    n_inputs, n_outputs, hidden : int
    memory : int
        Numbers that are remembered.
    context : int
        Frames that the convolution sees, the newest one among them.
    positive : bool
        As for `Encoding`.
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        *,
        hidden: int = 80,
        memory: int = 48,
        context: int = 12,
        positive: bool = True,
    ) -> None:
        super().__init__()
        self.context, self.memory, self.mixed = context, memory, memory
        self.encoding = Encoding(n_inputs, positive=positive)
        self.mix = nn.Linear(self.encoding.n_features, self.mixed, bias=False)
        self.gate = nn.Linear(n_inputs, self.mixed, bias=False)
        self.convolution = nn.Conv1d(self.mixed, self.mixed, context, groups=self.mixed, bias=False)
        self.blend = nn.Linear(2 * self.mixed, self.mixed, bias=False)
        self.recurrent = nn.GRU(self.mixed, memory, batch_first=True, bias=False)
        self.head = Head(2 * self.mixed + memory, n_inputs, hidden, n_outputs)

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log spreads (batch, time, n_outputs) of frames (batch, time, n_inputs).

        Before the first frame the face was at rest.
        """
        mixed, missing = self._mixed(values)
        before = torch.zeros_like(mixed[:, :1]).expand(-1, self.context - 1, -1)
        seen = self.convolution(torch.cat([before, mixed], dim=1).transpose(1, 2)).transpose(1, 2)
        blended = self._blended(mixed, seen)
        remembered, _ = self.recurrent(blended)
        return self._answer(mixed, blended, remembered, missing)

    def step(
        self, values: Tensor, past: Tensor, memory: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One frame.

        Parameters
        ----------
        values : Tensor
            (batch, n_inputs)
        past : Tensor
            (batch, context - 1, mixed), oldest first.
        memory : Tensor
            (batch, memory)

        Returns
        -------
        mean, log_spread : Tensor
            (batch, n_outputs)
        past, memory : Tensor
            For the next frame.
        """
        mixed, missing = self._mixed(values)
        frames = torch.cat([past, mixed[:, None]], dim=1)
        kernel = self.convolution.weight[:, 0].transpose(0, 1)
        blended = self._blended(mixed, (frames * kernel).sum(dim=1))
        memory = self._remember(blended, memory)
        mean, spread = self._answer(mixed, blended, memory, missing)
        return mean, spread, frames[:, 1:], memory

    def _mixed(self, values: Tensor) -> tuple[Tensor, Tensor]:
        features, missing = self.encoding(values)
        return self.mix(features) * (1.0 + self.gate(missing)), missing

    def _blended(self, mixed: Tensor, seen: Tensor) -> Tensor:
        return functional.silu(self.blend(torch.cat([mixed, seen], dim=-1)))

    def _answer(
        self, mixed: Tensor, blended: Tensor, remembered: Tensor, missing: Tensor
    ) -> tuple[Tensor, Tensor]:
        mean, spread = self.head(torch.cat([mixed, blended, remembered], dim=-1), missing)
        return mean, spread

    def _remember(self, blended: Tensor, memory: Tensor) -> Tensor:
        """One step of the recurrent unit in plain operations, which every exporter knows."""
        cell = self.recurrent
        of_input = functional.linear(blended, cell.weight_ih_l0)
        of_memory = functional.linear(memory, cell.weight_hh_l0)
        reset_in, keep_in, new_in = of_input.chunk(3, dim=-1)
        reset_by, keep_by, new_by = of_memory.chunk(3, dim=-1)
        reset = torch.sigmoid(reset_in + reset_by)
        keep = torch.sigmoid(keep_in + keep_by)
        new = torch.tanh(new_in + reset * new_by)
        return (1.0 - keep) * new + keep * memory


class WindowNetwork(nn.Module):
    """Frames before and after the one that is asked about.

    Parameters
    ----------
    n_inputs, n_outputs, hidden : int
    before, after : int
        Frames that it sees besides the one itself.
    positive : bool
        As for `Encoding`.
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        *,
        hidden: int = 96,
        before: int = 12,
        after: int = 36,
        positive: bool = True,
        mixed: int = 48,
    ) -> None:
        super().__init__()
        self.before, self.after = before, after
        self.encoding = Encoding(n_inputs, positive=positive)
        self.mix = nn.Linear(self.encoding.n_features, mixed, bias=False)
        self.gate = nn.Linear(n_inputs, mixed, bias=False)
        width = before + 1 + after
        self.near = nn.Conv1d(mixed, mixed, width, groups=mixed, bias=False)
        self.far = nn.Conv1d(mixed, mixed, width, groups=mixed, bias=False)
        self.blend = nn.Linear(3 * mixed, mixed, bias=False)
        self.head = Head(4 * mixed, n_inputs, hidden, n_outputs)

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log spreads (batch, time, n_outputs) of frames (batch, time, n_inputs)."""
        features, missing = self.encoding(values)
        mixed = self.mix(features) * (1.0 + self.gate(missing))
        around = functional.pad(mixed.transpose(1, 2), (self.before, self.after))
        near, far = self.near(around).transpose(1, 2), self.far(around).transpose(1, 2)
        seen = torch.cat([mixed, near, far], dim=-1)
        blended = functional.silu(self.blend(seen))
        mean, spread = self.head(torch.cat([seen, blended], dim=-1), missing)
        return mean, spread


class Mirrored(nn.Module):
    """A network asked twice, about the face and its mirror image, for the mean of both answers.

    A symmetric input then has a symmetric answer, to the last bit.

    Parameters
    ----------
    network : Module
    inputs, outputs : sequence of int
        Which input (output) stands where in the mirror; the same order where there is no mirror.
    mirrored : bool
        False asks once: bases such as FLAME's cannot be mirrored by changing their order.
    spread_scale : Tensor, optional
        Factors (n_outputs,) on the spread, from subjects that were held out.
    lower, upper : sequence of float
        Bounds of the outputs.
    """

    in_order: Tensor
    out_order: Tensor
    spread_scale: Tensor
    lower: Tensor
    upper: Tensor

    def __init__(
        self,
        network: nn.Module,
        inputs: Sequence[int],
        outputs: Sequence[int],
        *,
        mirrored: bool = True,
        spread_scale: Tensor | None = None,
        bounds: tuple[Sequence[float], Sequence[float]] | None = None,
    ) -> None:
        super().__init__()
        self.network, self.mirrored = network, mirrored
        n = len(outputs)
        lower, upper = bounds or ([float("-inf")] * n, [float("inf")] * n)
        self.register_buffer("in_order", torch.tensor(list(inputs)))
        self.register_buffer("out_order", torch.tensor(list(outputs)))
        factors = torch.ones(n) if spread_scale is None else spread_scale
        self.register_buffer("spread_scale", factors)
        self.register_buffer("lower", torch.tensor(lower, dtype=torch.float32))
        self.register_buffer("upper", torch.tensor(upper, dtype=torch.float32))

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Bounded means and spreads of what the network takes."""
        mean, log_spread = self.network(values)
        if self.mirrored:
            other_mean, other_spread = self.network(values.index_select(-1, self.in_order))
            mean, log_spread = self._both(mean, log_spread, other_mean, other_spread)
        return self._bounded(mean), log_spread.exp() * self.spread_scale

    def _bounded(self, mean: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(mean, self.lower), self.upper)

    def _both(
        self, mean: Tensor, spread: Tensor, other_mean: Tensor, other_spread: Tensor
    ) -> tuple[Tensor, Tensor]:
        other_mean = other_mean.index_select(-1, self.out_order)
        other_spread = other_spread.index_select(-1, self.out_order)
        return 0.5 * (mean + other_mean), 0.5 * (spread + other_spread)


class Stepped(Mirrored):
    """A `CausalNetwork` frame by frame with its states in and out, for ONNX."""

    def forward(  # type: ignore[override]
        self, values: Tensor, past: Tensor, memory: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Means, spreads, and the states for the next frame; states are (1 or 2, …)."""
        network = self.network
        assert isinstance(network, CausalNetwork)
        if not self.mirrored:
            mean, log_spread, past, memory = network.step(values, past, memory)
            return self._bounded(mean), log_spread.exp() * self.spread_scale, past, memory
        pair = torch.cat([values, values.index_select(-1, self.in_order)], dim=0)
        mean, log_spread, past, memory = network.step(pair, past, memory)
        mean, log_spread = self._both(mean[:1], log_spread[:1], mean[1:], log_spread[1:])
        return self._bounded(mean), log_spread.exp() * self.spread_scale, past, memory

    def first_states(self) -> tuple[Tensor, Tensor]:
        """The states before the first frame."""
        network = self.network
        assert isinstance(network, CausalNetwork)
        faces = 2 if self.mirrored else 1
        return (
            torch.zeros(faces, network.context - 1, network.mixed),
            torch.zeros(faces, network.memory),
        )
