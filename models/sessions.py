"""ONNX files in, arrays out: the one way every model is run.

The bytes are inspected and the card is checked before onnxruntime sees them. Sessions use one
thread without spinning: on small networks that is the fastest (field notes: 67 frames/s for
one thread against 24 for two with spinning), and Blender's own threads are left alone.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..eifer_addon.errors import EiferError
from .cards import CARD_KEY, ModelCard
from .onnx_guard import inspect_onnx

#: Our own models; user models come from anywhere.
WEIGHTS = Path(__file__).parent / "weights"
#: The largest network we know of (two ResNet50 of EMOCA) stays below half of it.
MAX_BYTES = 1 << 30

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
    "tensor(int64)": np.int64,
}


@dataclass(frozen=True)
class Model:
    """A checked model that is ready to run.

    Attributes
    ----------
    card : ModelCard
        What it takes and gives.
    sha256 : str
        Of the file's bytes, hexadecimal; goes into the provenance of every result.
    where : str
        The file's name for messages.
    input_name : str
        Name of its one input tensor.
    input_shape : tuple
        One int per axis, None where any length is taken.
    dtype : numpy.dtype
        What the input is converted to.
    output_names : tuple of str
    state_shapes : mapping of str to tuple
        Shape of each further input of a recurrent model, which its card pairs with an output.
    """

    card: ModelCard
    sha256: str
    where: str
    input_name: str
    input_shape: tuple[int | None, ...]
    dtype: np.dtype[Any]
    output_names: tuple[str, ...]
    _session: Any = field(repr=False, compare=False)
    state_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def run(self, array: np.ndarray) -> np.ndarray:
        """Run the model and give its first output.

        Parameters
        ----------
        array : numpy.ndarray
            Real numbers of the shape `input_shape`; converted to the model's dtype.

        Returns
        -------
        numpy.ndarray

        Raises
        ------
        EiferError
            For a wrong shape or dtype, values that are not numbers, or a failure in the network.
        """
        return self.run_all(array)[self.output_names[0]]

    def run_all(self, array: np.ndarray) -> dict[str, np.ndarray]:
        """Like :meth:`run`, but all outputs by name."""
        checked = self._check(array)
        with _onnx_errors(self.where):
            outputs = self._session.run(list(self.output_names), {self.input_name: checked})
        return dict(zip(self.output_names, outputs, strict=True))

    def first_states(self) -> dict[str, np.ndarray]:
        """The memory of a recurrent model before its first frame, by input."""
        return {name: np.zeros(shape, np.float32) for name, shape in self.state_shapes.items()}

    def step(
        self, array: np.ndarray, states: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Run one frame of a model that is fed again and again.

        Parameters
        ----------
        array : numpy.ndarray
            Finite numbers of the model's shape and dtype; they are not checked again.
        states : mapping of str to numpy.ndarray
            From :meth:`first_states` or the frame before.

        Returns
        -------
        output : numpy.ndarray
            The first output.
        states : dict of str to numpy.ndarray
            For the next frame.
        """
        found, following = self.step_all(array, states, self.output_names[:1])
        return found[0], following

    def step_all(
        self, array: np.ndarray, states: Mapping[str, np.ndarray], names: Sequence[str]
    ) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        """Like :meth:`step`, but the outputs of these names."""
        pairs = {name: self.card.states[name] for name in self.state_shapes}
        with _onnx_errors(self.where):
            found = self._session.run([*names, *pairs.values()], {self.input_name: array, **states})
        return found[: len(names)], dict(zip(pairs, found[len(names) :], strict=True))

    def _check(self, array: np.ndarray) -> np.ndarray:
        values = np.asarray(array)
        if values.dtype.kind not in "fiu":
            raise EiferError(
                f"{self.where} takes real numbers, not an array of type {values.dtype}.",
                "Convert the array first.",
            )
        wanted = self.input_shape
        if len(wanted) != values.ndim or any(
            want is not None and want != have
            for want, have in zip(wanted, values.shape, strict=True)
        ):
            shape = ", ".join("any" if n is None else str(n) for n in wanted)
            raise EiferError(
                f"{self.where} takes an array of shape ({shape}), not {values.shape}.",
                "Check which channels or which image size the model's card names.",
            )
        if not np.isfinite(values).all():
            place = tuple(int(k) for k in np.argwhere(~np.isfinite(values))[0])
            raise EiferError(
                f"The input of {self.where} holds a value that is not a number at {place}.",
                "Mend or drop the frame before.",
            )
        return np.ascontiguousarray(values, self.dtype)


def load_model(
    source: str | Path | bytes, *, kind: str | None = None, max_bytes: int = MAX_BYTES
) -> Model:
    """Read, inspect and check an ONNX file, then make a session from its bytes.

    Parameters
    ----------
    source : path-like or bytes
        The file, or its content.
    kind : str, optional
        The kind that is needed (`cards.KINDS`); another kind is refused.
    max_bytes : int
        Larger files are refused before they are read.

    Returns
    -------
    Model

    Raises
    ------
    EiferError
        When the file is missing, too large, damaged, unsafe, without a card, of another kind, or
        when card and network disagree.
    """
    data, where = _read(source, max_bytes)
    card = _card_in(data, where)
    if kind is not None and card.kind != kind:
        raise EiferError(
            f"{where} is a model of the kind '{card.kind}', not '{kind}'.",
            f"Choose a model of the kind '{kind}'.",
        )
    model = _open(data, where, card)
    _check_against_card(model)
    return model


def read_card(source: str | Path | bytes, *, max_bytes: int = MAX_BYTES) -> ModelCard:
    """The card of an ONNX file that is looked into, but not made ready to run.

    Raises
    ------
    EiferError
        When the file is missing, too large, damaged, unsafe or without a card.
    """
    return _card_in(*_read(source, max_bytes))


def _card_in(data: bytes, where: str) -> ModelCard:
    facts = inspect_onnx(data, where)
    if CARD_KEY not in facts.metadata:
        raise EiferError(
            f"{where} has no model card.",
            "Use a model that EIFER exported, or add a card with models.cards.",
        )
    return ModelCard.from_json(facts.metadata[CARD_KEY], where)


def _read(source: str | Path | bytes, max_bytes: int) -> tuple[bytes, str]:
    remedy = f"Models of up to {max_bytes >> 20} MB are accepted."
    if isinstance(source, bytes):
        if len(source) > max_bytes:
            raise EiferError(f"The model is too large ({len(source) >> 20} MB).", remedy)
        return source, "The model"
    path = Path(source)
    try:
        with path.open("rb") as stream:
            # One byte more than allowed tells a file that is too large, even one that grows.
            data = stream.read(max_bytes + 1) if path.stat().st_size <= max_bytes else None
    except FileNotFoundError as error:
        raise EiferError(f"The model {path} does not exist.", "Check the path.") from error
    except OSError as error:
        raise EiferError(
            f"The model {path} cannot be read: {error.strerror or error}.", "Choose another file."
        ) from error
    if data is None or len(data) > max_bytes:
        raise EiferError(f"The model {path} is too large.", remedy)
    return data, path.name


def _open(data: bytes, where: str, card: ModelCard) -> Model:
    try:
        import onnxruntime as ort
    except ImportError as error:
        raise EiferError(
            "The package onnxruntime is missing, so models cannot run.",
            "Install the extension from its zip again; it brings onnxruntime along.",
        ) from error
    ort.disable_telemetry_events()
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    # Only what was inspected may be loaded, so onnxruntime's own file format is switched off.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    for pool in ("intra_op", "inter_op"):
        options.add_session_config_entry(f"session.{pool}.allow_spinning", "0")
    with _onnx_errors(where):
        session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    states, inputs = _split_inputs(session, card, where)
    if len(inputs) != 1 or inputs[0].type not in _DTYPES:
        raise EiferError(
            f"{where} takes {len(inputs)} inputs of the types "
            f"{', '.join(i.type for i in inputs) or 'none'}; one input of real numbers is needed.",
            "Export the model with a single input, or name its states in the card.",
        )
    shape = tuple(n if isinstance(n, int) else None for n in inputs[0].shape)
    return Model(
        card, hashlib.sha256(data).hexdigest(), where, inputs[0].name, shape,
        np.dtype(_DTYPES[inputs[0].type]), tuple(o.name for o in session.get_outputs()), session,
        states,
    )  # fmt: skip


def _split_inputs(
    session: Any, card: ModelCard, where: str
) -> tuple[dict[str, tuple[int, ...]], list[Any]]:
    """Shapes of the inputs that the card calls states, and the other inputs."""
    inputs = {i.name: i for i in session.get_inputs()}
    outputs = {o.name for o in session.get_outputs()}
    for name, following in card.states.items():
        if name not in inputs or following not in outputs or inputs[name].type != "tensor(float)":
            raise EiferError(
                f"The card of {where} pairs the state '{name}' with '{following}', which the "
                "network does not have as float32.",
                "Export the model again with a card that fits.",
            )
    # One face at a time: an axis of any length is the batch.
    shapes = {
        name: tuple(n if isinstance(n, int) else 1 for n in inputs[name].shape)
        for name in card.states
    }
    return shapes, [i for name, i in inputs.items() if name not in card.states]


def _check_against_card(model: Model) -> None:
    """Refuse a card that names other channels than the network takes or gives."""
    outputs = model._session.get_outputs()[0].shape
    pairs = (
        ("takes", len(model.card.inputs), model.input_shape[-1:]),
        ("gives", len(model.card.outputs), tuple(outputs[-1:])),
    )
    for verb, named, found in pairs:
        if named and found and isinstance(found[0], int) and found[0] != named:
            raise EiferError(
                f"{model.where} {verb} {found[0]} values, but its card names {named}.",
                "Export the model again with a card that fits.",
            )


@functools.cache
def _failures() -> tuple[type[Exception], ...]:
    """What onnxruntime raises; asked for late, and once, because a live model runs all the time."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (
        state.EPFail, state.EngineError, state.Fail, state.InvalidArgument, state.InvalidGraph,
        state.InvalidProtobuf, state.NoModel, state.NotImplemented, state.RuntimeException,
        RuntimeError, ValueError,
    )  # fmt: skip


@contextmanager
def _onnx_errors(where: str) -> Iterator[None]:
    """Turn onnxruntime's exceptions into one sentence."""
    try:
        yield
    except _failures() as error:
        first = (str(error).strip() or "no reason given").splitlines()[0].split("Status Message")[0]
        raise EiferError(
            f"{where} cannot be run by onnxruntime: {first[:200].rstrip(' .')}.",
            "Export the model again with operator set 17 or older.",
        ) from error
