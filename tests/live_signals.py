"""Signals, recordings and small networks for the tests of the live side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from eifer.eifer_addon.live.pipeline import Frames, LivePipeline
from eifer.eifer_addon.live.session import LiveSession, Snapshot
from eifer.eifer_addon.signals.montage import muscle_names
from eifer.eifer_addon.signals.recording import Recording
from eifer.models.cards import CARD_KEY, ModelCard

RATE_HZ = 1000.0
CHANNELS = tuple(f"{muscle} {side}" for muscle in muscle_names() for side in ("left", "right"))
#: A machine that runs other tests beside may be slow to start a process.
PATIENCE_S = 60.0


def emg(seconds: float = 6.0, rate_hz: float = RATE_HZ, seed: int = 0) -> np.ndarray:
    """(22, n) noise of 3 µV, ten times as strong from 2.5 s to 3.5 s, with some hum."""
    n = round(seconds * rate_hz)
    samples = np.random.default_rng(seed).normal(size=(len(CHANNELS), n)) * 3.0
    samples[:, round(2.5 * rate_hz) : round(3.5 * rate_hz)] *= 10.0
    return samples + 30.0 * np.sin(2 * np.pi * 50.0 * np.arange(n) / rate_hz)


def emg_recording(seconds: float = 6.0, rate_hz: float = RATE_HZ) -> Recording:
    """The same as a recording."""
    units = ("uV",) * len(CHANNELS)
    return Recording.from_array(emg(seconds, rate_hz), rate_hz, CHANNELS, units=units)


def in_chunks(
    pipeline: LivePipeline, samples: np.ndarray, cuts: list[int], rate_hz: float = RATE_HZ
) -> Frames:
    """All samples through a pipeline, cut at `cuts`."""
    times = np.arange(samples.shape[1]) / rate_hz
    places = [0, *cuts, samples.shape[1]]
    return Frames.joined(pipeline.process(samples[:, a:b], times[a:b]) for a, b in pairwise(places))


def random_cuts(n: int, longest: int, seed: int) -> list[int]:
    """Places to cut `n` samples, some of them twice, so that chunks are empty."""
    steps = np.random.default_rng(seed).integers(0, longest, size=4 * n // longest + 4)
    return [int(k) for k in np.cumsum(steps) if k < n]


def write_model(path: Path, kind: str, rate_hz: float | None = None, context: int = 4) -> Path:
    """A network with weights from a fixed seed, of the kind "frame", "window" or "recurrent"."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    muscles = tuple(f"{m}.{s}" for m in muscle_names() for s in ("left", "right"))
    from eifer.eifer_addon.spaces import ARKIT_NAMES

    rng = np.random.default_rng(5)
    n, m = len(muscles), len(ARKIT_NAMES)

    def constant(name: str, shape: tuple[int, ...]) -> Any:
        return numpy_helper.from_array(rng.normal(size=shape).astype(np.float32) / n, name)

    value = helper.make_tensor_value_info
    states: dict[str, str] = {}
    inputs = [value("activity", TensorProto.FLOAT, ["batch", n])]
    gives = [value("coefficients", TensorProto.FLOAT, ["batch", m])]
    if kind == "frame":
        constants = [constant("w", (n, m))]
        nodes = [helper.make_node("MatMul", ["activity", "w"], ["coefficients"])]
        context = 1
    elif kind == "window":
        inputs = [value("activity", TensorProto.FLOAT, ["batch", context, n])]
        constants = [constant("w", (context * n, m))]
        nodes = [
            helper.make_node("Flatten", ["activity"], ["flat"], axis=1),
            helper.make_node("MatMul", ["flat", "w"], ["coefficients"]),
        ]
    else:
        states, context = {"state": "next_state"}, 1
        inputs.append(value("state", TensorProto.FLOAT, ["batch", m]))
        gives.append(value("next_state", TensorProto.FLOAT, ["batch", m]))
        half = numpy_helper.from_array(np.array(0.5, np.float32), "half")
        constants = [constant("w", (n, m)), half]
        nodes = [
            helper.make_node("MatMul", ["activity", "w"], ["new"]),
            helper.make_node("Mul", ["state", "half"], ["old"]),
            helper.make_node("Add", ["new", "old"], ["next_state"]),
            helper.make_node("Tanh", ["next_state"], ["coefficients"]),
        ]
    graph = helper.make_graph(nodes, "test", inputs, gives, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    card = ModelCard(
        path.stem, "emg2exp", muscles, ARKIT_NAMES, "arkit52", rate_hz=rate_hz, context=context,
        states=states,
    )  # fmt: skip
    entry = model.metadata_props.add()
    entry.key, entry.value = CARD_KEY, card.to_json()
    onnx.save(model, path)
    return path


def watch(session: LiveSession, patience_s: float = PATIENCE_S) -> Iterator[Snapshot]:
    """Snapshots, one every few milliseconds, for `patience_s` at most."""
    import time

    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        yield session.poll()
        time.sleep(0.005)


def wait_for(
    session: LiveSession, wanted: Callable[[Snapshot], bool], patience_s: float = PATIENCE_S
) -> Snapshot:
    """The first snapshot that is as wanted."""
    last = None
    for last in watch(session, patience_s):
        if wanted(last):
            return last
    raise AssertionError(f"the session never got there: {last}")
