"""A model of the kind ``emg2exp`` run frame after frame, with its memory carried along.

Every frame is a run of its own, because a product of matrices rounds differently for other
numbers of rows: so the result does not depend on how frames are grouped, bit for bit.

A *windowed* model takes (1, context, muscles), oldest frame first, where `ModelCard.context`
tells the length when the network leaves it open; before the first frame the face was at rest. A
*recurrent* model has further inputs, which `ModelCard.states` pairs with the outputs that hold
their next values; all begin at zero.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..eifer_addon.errors import EiferError
from .sessions import Model

_WINDOW = "window"


class FrameRunner:
    """Frames of muscle activity in, coefficients out.

    Parameters
    ----------
    model : Model
        Of the kind ``emg2exp``; per frame, windowed, recurrent, or the last two together.

    Attributes
    ----------
    context : int
        Frames that the model sees at a time.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.windowed = len(model.input_shape) == 3
        length = model.input_shape[1] if self.windowed else 1
        self.context = int(length or model.card.context)
        if self.windowed and self.context != model.card.context:
            raise EiferError(
                f"{model.where} takes {self.context} frames, but its card says "
                f"{model.card.context}.",
                "Export the model again with a card that fits.",
            )
        self.n_inputs = len(model.card.inputs)
        self.n_outputs = len(model.card.outputs)
        self.reset()

    @property
    def remembers(self) -> bool:
        """Whether a frame's result depends on frames before it."""
        return self.windowed or bool(self.model.state_shapes)

    def reset(self) -> None:
        """Forget everything: the next frame is the first one."""
        self._window = np.zeros((self.context, self.n_inputs), self.model.dtype)
        self._states = self.model.first_states()

    def run(self, frames: np.ndarray) -> np.ndarray:
        """Coefficients of the next frames.

        Parameters
        ----------
        frames : numpy.ndarray
            (n_frames, n_inputs) in the order of the card, all finite.

        Returns
        -------
        numpy.ndarray
            (n_frames, n_outputs) float32.
        """
        result = np.empty((len(frames), self.n_outputs), np.float32)
        for k, frame in enumerate(frames):
            result[k] = self._step(frame)
        return result

    def run_all(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Like :meth:`run`, with the spread (n_frames, n_outputs) where the model tells it."""
        spread = str(self.model.card.normalisation.get("spread", ""))
        if spread not in self.model.output_names:
            return self.run(frames), None
        names = [self.model.output_names[0], spread]
        result = np.empty((2, len(frames), self.n_outputs), np.float32)
        for k, frame in enumerate(frames):
            found, self._states = self.model.step_all(self._array(frame), self._states, names)
            for part, output in zip(result, found, strict=True):
                part[k] = output.reshape(-1, self.n_outputs)[-1]
        return result[0], result[1]

    def _step(self, frame: np.ndarray) -> np.ndarray:
        output, self._states = self.model.step(self._array(frame), self._states)
        # A network that answers for every frame of the window answers for the newest one last.
        return np.asarray(output.reshape(-1, self.n_outputs)[-1])

    def _array(self, frame: np.ndarray) -> np.ndarray:
        """What the model takes, the newest frame last."""
        if self.windowed:
            self._window[:-1] = self._window[1:]
            self._window[-1] = frame
            return self._window[None]
        return np.asarray(frame, self.model.dtype)[None]

    def state(self) -> dict[str, np.ndarray]:
        """What the next frame depends on, as arrays; for :meth:`restore`."""
        return {_WINDOW: self._window.copy(), **{k: v.copy() for k, v in self._states.items()}}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what :meth:`state` gave."""
        self._window = np.array(state[_WINDOW])
        self._states = {name: np.array(state[name]) for name in self._states}
