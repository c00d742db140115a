"""The networks of EMG2Exp and Exp2EMG: per frame, causal, and with a look ahead.

All keep rest at rest: where no muscle acts (no coefficient is raised) now or before, the answer is
exactly 0, whichever channels were recorded. The last layers are evaluated twice for that, on what
is there and on nothing, and subtracted; everything before has no bias.

Expressions whose own muscles were recorded follow those (`anatomy`): pulls that never fall, times
what the network makes of everything else, and a rest that fades in with the pull, less what
antagonists hold back; what is below 0 then is nothing.

`FrameNetwork` is the per-frame multilayer perceptron of Büchner and others (CVPR 2025).
`CausalNetwork` sees the last frames by a causal convolution and remembers what came before in a
small gated recurrent unit (K. Cho and others, EMNLP 2014), so that it can learn how much later the
skin moves than the muscle's signal. `WindowNetwork` sees frames before and after, because muscles
act before the face moves.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .anatomy import Agonists

#: What stands in the input for a muscle that was not recorded; activity is never negative.
MISSING = -1.0
#: Where a further slope may begin, in parts of full effort: thresholds of action units.
_HINGES = (0.0, 0.15, 0.4, 0.8)
#: Effort from which on only an expression's own muscles move it further. Sessions hold few frames
#: of full effort; what is learned from those would take a smile away from whoever smiles harder
#: than in the calibration.
_STRONG = 0.8
#: How fast what is told from everything else fades in with the pull of an expression's own muscles:
#: a faint pull is a faint movement, whatever the others do.
_FADE = 2.0
_LOWEST_LOG_SPREAD, _HIGHEST_LOG_SPREAD = -6.0, 1.0


class Encoding(nn.Module):
    """Numbers as features that are 0 at rest, and which of them are missing.

    Parameters
    ----------
    n_inputs : int
    positive : bool
        True for activity and bounded coefficients: hinges, growing with the logarithm above 1, and
        `MISSING` where a number is not known. False for coefficients of either sign.
    most : float
        More than this counts as this (positive).
    """

    scale: Tensor

    def __init__(self, n_inputs: int, *, positive: bool, most: float = math.inf) -> None:
        super().__init__()
        self.positive, self.most = positive, most
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
        level = torch.clamp(self.level(values), max=self.most)
        return torch.cat([functional.relu(level - h) for h in _HINGES], dim=-1), missing

    @staticmethod
    def level(values: Tensor) -> Tensor:
        """Activity that grows with the logarithm above 1; what is missing rests."""
        level = functional.relu(values)
        return torch.clamp(level, max=1.0) + torch.log1p(functional.relu(level - 1.0))


def _most(agonists: Agonists | None) -> float:
    """Where features stop growing: with pulls, which go on, everything else knows no more."""
    return math.inf if agonists is None else _STRONG


class Head(nn.Module):
    """From features that are 0 at rest to means that are 0 at rest, and the spread about them.

    Parameters
    ----------
    n_features, n_context, n_hidden, n_outputs : int
    agonists : Agonists, optional
        The muscles that outputs follow.
    """

    def __init__(
        self,
        n_features: int,
        n_context: int,
        n_hidden: int,
        n_outputs: int,
        agonists: Agonists | None = None,
    ) -> None:
        super().__init__()
        self.first = nn.Linear(n_features + n_context, n_hidden)
        self.second = nn.Linear(n_hidden, n_hidden)
        self.mean = nn.Linear(n_hidden, n_outputs, bias=False)
        self.direct = nn.Linear(n_features, n_outputs, bias=False)
        self.log_spread = nn.Linear(n_hidden, n_outputs)
        nn.init.constant_(self.log_spread.bias, -1.5)
        nn.init.zeros_(self.direct.weight)
        self.agonists = agonists
        if agonists is not None:
            self.factor = nn.Linear(n_hidden, n_outputs)
            nn.init.zeros_(self.factor.weight)
            nn.init.zeros_(self.factor.bias)

    def forward(
        self, features: Tensor, context: Tensor, level: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Means and logarithms of the spread, (..., n_outputs).

        `level` (..., n_context) is the activity that moves the face now.
        """
        hidden = self._hidden(features, context)
        # In training all frames of an example lack the same channels: one of them is enough.
        alone = context[:, :1] if self.training and context.dim() == 3 else context
        nothing = features.new_zeros((*alone.shape[:-1], features.shape[-1]))
        at_rest = self._hidden(nothing, alone)
        mean = self.mean(hidden) - self.mean(at_rest) + self.direct(features)
        if self.agonists is not None and level is not None:
            pull, led = self.agonists(level, context)
            fade = 1.0 - torch.exp(-_FADE * pull)
            changed = torch.tanh(0.5 * self.factor(hidden)) * fade
            mean = (1.0 + changed) * pull + (1.0 - led * (1.0 - fade)) * mean
            mean = mean - self.agonists.held(level)
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
    agonists : Agonists, optional
        As for `Head`.
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        *,
        hidden: int = 96,
        positive: bool = True,
        agonists: Agonists | None = None,
    ) -> None:
        super().__init__()
        self.encoding = Encoding(n_inputs, positive=positive, most=_most(agonists))
        self.head = Head(self.encoding.n_features, n_inputs, hidden, n_outputs, agonists)

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log spreads (..., n_outputs) of frames (..., n_inputs)."""
        features, missing = self.encoding(values)
        mean, spread = self.head(features, missing, self.encoding.level(values))
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
    agonists : Agonists, optional
        As for `Head`; what they pull comes as late as the last `context` frames allow.
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        *,
        hidden: int = 72,
        memory: int = 48,
        context: int = 12,
        positive: bool = True,
        agonists: Agonists | None = None,
    ) -> None:
        super().__init__()
        self.context, self.memory, self.mixed = context, memory, memory
        self.encoding = Encoding(n_inputs, positive=positive, most=_most(agonists))
        self.mix = nn.Linear(self.encoding.n_features, self.mixed, bias=False)
        self.gate = nn.Linear(n_inputs, self.mixed, bias=False)
        self.convolution = nn.Conv1d(self.mixed, self.mixed, context, groups=self.mixed, bias=False)
        self.blend = nn.Linear(2 * self.mixed, self.mixed, bias=False)
        self.recurrent = nn.GRU(self.mixed, memory, batch_first=True, bias=False)
        self.head = Head(2 * self.mixed + memory, n_inputs, hidden, n_outputs, agonists)
        self.kept = self.mixed + (n_inputs if agonists is not None else 0)
        if agonists is not None:
            self.lateness = nn.Parameter(torch.zeros(n_inputs, context))

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log spreads (batch, time, n_outputs) of frames (batch, time, n_inputs).

        Before the first frame the face was at rest.
        """
        kept, missing = self._kept(values)
        before = torch.zeros_like(kept[:, :1]).expand(-1, self.context - 1, -1)
        frames = torch.cat([before, kept], dim=1).transpose(1, 2)
        mixed = kept[..., : self.mixed]
        seen = self.convolution(frames[:, : self.mixed]).transpose(1, 2)
        blended = self._blended(mixed, seen)
        remembered, _ = self.recurrent(blended)
        level = None
        if self.head.agonists is not None:
            kernel = torch.softmax(self.lateness, dim=-1)[:, None]
            level = functional.conv1d(frames[:, self.mixed :], kernel, groups=len(kernel))
            level = level.transpose(1, 2)
        return self._answer(mixed, blended, remembered, missing, level)

    def step(
        self, values: Tensor, past: Tensor, memory: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One frame.

        Parameters
        ----------
        values : Tensor
            (batch, n_inputs)
        past : Tensor
            (batch, context - 1, kept), oldest first.
        memory : Tensor
            (batch, memory)

        Returns
        -------
        mean, log_spread : Tensor
            (batch, n_outputs)
        past, memory : Tensor
            For the next frame.
        """
        kept, missing = self._kept(values)
        mixed = kept[:, : self.mixed]
        frames = torch.cat([past, kept[:, None]], dim=1)
        kernel = self.convolution.weight[:, 0].transpose(0, 1)
        blended = self._blended(mixed, (frames[..., : self.mixed] * kernel).sum(dim=1))
        memory = self._remember(blended, memory)
        level = None
        if self.head.agonists is not None:
            late = torch.softmax(self.lateness, dim=-1).transpose(0, 1)
            level = (frames[..., self.mixed :] * late).sum(dim=1)
        mean, spread = self._answer(mixed, blended, memory, missing, level)
        return mean, spread, frames[:, 1:], memory

    def _kept(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """What of a frame is looked back at: mixtures of muscles, then their levels."""
        features, missing = self.encoding(values)
        mixed = self.mix(features) * (1.0 + self.gate(missing))
        if self.head.agonists is None:
            return mixed, missing
        return torch.cat([mixed, self.encoding.level(values)], dim=-1), missing

    def _blended(self, mixed: Tensor, seen: Tensor) -> Tensor:
        return functional.silu(self.blend(torch.cat([mixed, seen], dim=-1)))

    def _answer(
        self,
        mixed: Tensor,
        blended: Tensor,
        remembered: Tensor,
        missing: Tensor,
        level: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        features = torch.cat([mixed, blended, remembered], dim=-1)
        mean, spread = self.head(features, missing, level)
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
