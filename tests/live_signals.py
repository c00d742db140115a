"""Signals, recordings and small networks for the tests of the live side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from eifer.eifer_addon.live.pipeline import Frames, LivePipeline
from eifer.eifer_addon.live.session import LiveSession, Snapshot
from eifer.eifer_addon.signals.montage import muscle_names
from eifer.eifer_addon.signals.recording import Recording
from eifer.eifer_addon.spaces import ARKIT_NAMES
from eifer.models.cards import CARD_KEY, ModelCard

RATE_HZ = 1000.0
CHANNELS = tuple(f"{muscle} {side}" for muscle in muscle_names() for side in ("left", "right"))
MUSCLES = tuple(f"{muscle}.{side}" for muscle in muscle_names() for side in ("left", "right"))
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
    from onnx import TensorProto, helper

    context = context if kind == "window" else 1
    states = {"state": "next_state"} if kind == "recurrent" else {}
    n, m = len(MUSCLES), len(ARKIT_NAMES)
    axes = ["batch", context, n] if kind == "window" else ["batch", n]
    shapes = {"activity": axes, "state": ["batch", m]}
    gives = {"coefficients": ["batch", m], "next_state": ["batch", m]}

    def tensors(named: dict[str, list[Any]], count: int) -> list[Any]:
        value = helper.make_tensor_value_info
        return [value(name, TensorProto.FLOAT, named[name]) for name in list(named)[:count]]

    nodes, constants = _network(kind, context * n, m)
    count = 1 + len(states)
    graph = helper.make_graph(nodes, kind, tensors(shapes, count), tensors(gives, count), constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    card = ModelCard(
        path.stem, "emg2exp", MUSCLES, ARKIT_NAMES, "arkit52", rate_hz=rate_hz, context=context,
        states=states,
    )  # fmt: skip
    entry = model.metadata_props.add()
    entry.key, entry.value = CARD_KEY, card.to_json()
    onnx.save(model, path)
    return path


def _network(kind: str, n: int, m: int) -> tuple[list[Any], list[Any]]:
    """Nodes and constants."""
    from onnx import helper, numpy_helper

    node = helper.make_node
    rng = np.random.default_rng(5)
    constants = [
        numpy_helper.from_array(rng.normal(size=(n, m)).astype(np.float32) / n, "weights"),
        numpy_helper.from_array(np.array(0.5, np.float32), "half"),
    ]
    if kind == "recurrent":
        return [
            node("MatMul", ["activity", "weights"], ["new"]),
            node("Mul", ["state", "half"], ["old"]),
            node("Add", ["new", "old"], ["next_state"]),
            node("Tanh", ["next_state"], ["coefficients"]),
        ], constants
    flat = "flat" if kind == "window" else "activity"
    first = [node("Flatten", ["activity"], ["flat"], axis=1)] if kind == "window" else []
    return [*first, node("MatMul", [flat, "weights"], ["coefficients"])], constants[:1]


def watch(session: LiveSession, patience_s: float = PATIENCE_S) -> Iterator[Snapshot]:
    """Snapshots, one every few milliseconds, for `patience_s` at most."""
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
