"""Small ONNX networks with a reconstructor's card: rows that are known from the mean colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eifer.models.cards import CARD_KEY, ModelCard
from eifer.models.reconstructors.base import Reconstructor
from eifer.models.reconstructors.registry import get_reconstructor


def card_for(rules: Reconstructor, **changes: object) -> ModelCard:
    """The card that an import gives."""
    card = ModelCard(
        rules.name, "reconstructor", (), rules.outputs, rules.space,
        normalisation={"backend": rules.name}, image_size=rules.image_size,
    )  # fmt: skip
    return replace(card, **changes)  # type: ignore[arg-type]


def tiny(
    path: Path, backend: str, weights: np.ndarray, bias: np.ndarray, **changes: object
) -> Path:
    """A network whose row is ``mean colour (3,) @ weights (3, k) + bias (k,)``."""
    onnx = pytest.importorskip("onnx", reason="onnx is needed to write the models of this test")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    rules = get_reconstructor(backend)
    edge, kind = rules.image_size, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["colour"]),
        helper.make_node("Gemm", ["colour", "w", "b"], ["parameters"]),
    ]
    graph = helper.make_graph(
        nodes, "tiny",
        [helper.make_tensor_value_info("image", kind, ["n", 3, edge, edge])],
        [helper.make_tensor_value_info("parameters", kind, ["n", len(bias)])],
        [
            numpy_helper.from_array(weights.astype(np.float32), "w"),
            numpy_helper.from_array(bias.astype(np.float32), "b"),
        ],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {CARD_KEY: card_for(rules, **changes).to_json()})
    path.write_bytes(model.SerializeToString())
    return path


def smirk_rows(values: Mapping[str, float], size: int = 361) -> np.ndarray:
    """A row (361,) of SMIRK with some outputs set by name."""
    names = get_reconstructor("smirk").outputs
    row = np.zeros(size)
    for name, value in values.items():
        row[names.index(name)] = value
    return row
