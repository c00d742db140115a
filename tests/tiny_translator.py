"""A small real translator for tests: it takes green for electrodes and fills in what is around.

Coverage is how much greener a pixel is than red or blue; covered pixels get the mean colour of
the uncovered ones around them. Films for it show faces with green dots.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eifer.models.cards import CARD_KEY, ModelCard

SIZE = 256
_WINDOW = 25
GREEN = (40, 200, 60)
#: Landmarks to which dots are glued: forehead, cheeks, jaw, chin.
DOTS = (151, 9, 108, 337, 50, 280, 205, 425, 192, 416, 199)


def card_for(**changes: object) -> ModelCard:
    """The card of a translator."""
    card = ModelCard(
        "tiny", "translator", (), (), "", image_size=SIZE,
        normalisation={"image": "0..1"},
    )  # fmt: skip
    return replace(card, **changes)  # type: ignore[arg-type]


def tiny_translator(path: Path, **changes: object) -> Path:
    """Write the network and return its path."""
    onnx = pytest.importorskip("onnx", reason="onnx is needed to write the model of this test")
    helper, from_array = onnx.helper, onnx.numpy_helper.from_array
    kind = onnx.TensorProto.FLOAT
    green = np.array([-0.5, 1.0, -0.5], np.float32).reshape(1, 3, 1, 1)
    constants = {"from": 0.12, "times": 8.0, "strict": 25.0, "zero": 0.0, "one": 1.0}
    constants["little"] = 1e-3
    shape = ["n", 3, SIZE, SIZE]
    graph = helper.make_graph(
        _nodes(helper), "tiny", [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info("clean", kind, shape),
         helper.make_tensor_value_info("coverage", kind, ["n", 1, SIZE, SIZE])],
        [from_array(green, "green"),
         *(from_array(np.array(v, np.float32), name) for name, v in constants.items())],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {CARD_KEY: card_for(**changes).to_json()})
    path.write_bytes(model.SerializeToString())
    return path


def _nodes(helper: Any) -> list[Any]:
    pad = _WINDOW // 2

    def pool(source: str, result: str) -> Any:
        return helper.make_node(
            "AveragePool", [source], [result], kernel_shape=[_WINDOW] * 2, pads=[pad] * 4,
            strides=[1, 1], count_include_pad=1,
        )  # fmt: skip

    return [
        helper.make_node("Conv", ["image", "green"], ["greener"]),
        helper.make_node("Sub", ["greener", "from"], ["above"]),
        helper.make_node("Mul", ["above", "times"], ["steep"]),
        helper.make_node("Clip", ["steep", "zero", "one"], ["coverage"]),
        # Whatever is a little green is not mixed into the skin beside it.
        helper.make_node("Mul", ["greener", "strict"], ["any"]),
        helper.make_node("Clip", ["any", "zero", "one"], ["doubtful"]),
        helper.make_node("Sub", ["one", "doubtful"], ["free"]),
        helper.make_node("Mul", ["image", "free"], ["kept"]),
        pool("kept", "sum"),
        pool("free", "weight"),
        helper.make_node("Add", ["weight", "little"], ["divisor"]),
        helper.make_node("Div", ["sum", "divisor"], ["around"]),
        helper.make_node("Mul", ["around", "doubtful"], ["filled"]),
        helper.make_node("Add", ["kept", "filled"], ["clean"]),
    ]


def dotted(image: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture with green dots on a face, and which pixels they cover (bool)."""
    result = image.copy()
    high = np.ptp(landmarks[:, 1])
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    covered = np.zeros(image.shape[:2], bool)
    for k in DOTS:
        away = np.hypot(x + 0.5 - landmarks[k, 0], y + 0.5 - landmarks[k, 1])
        covered |= away < 0.035 * high
    result[covered] = GREEN
    return result, covered
