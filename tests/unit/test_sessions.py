"""Models from anywhere: loaded correctly or refused with a sentence, never run blindly."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.models import onnx_guard
from eifer.models.baseline import MODEL_PATH
from eifer.models.cards import CARD_KEY, ModelCard
from eifer.models.onnx_guard import inspect_onnx
from eifer.models.sessions import load_model

onnx = pytest.importorskip("onnx", reason="onnx is needed to write the models of this test")
helper, TensorProto = onnx.helper, onnx.TensorProto

CARD = ModelCard("twice", "emg2exp", ("a.left", "a.right"), ("x", "y"), "arkit52")


def make_model(card: ModelCard | None = CARD, **changes: object) -> onnx.ModelProto:
    """A network that doubles two numbers, with a card."""
    value = helper.make_tensor_value_info
    two = onnx.numpy_helper.from_array(np.full((2,), 2, np.float32), "two")
    node = helper.make_node("Mul", ["a", "two"], ["b"])
    graph = helper.make_graph(
        changes.get("nodes", [node]), "twice",
        [value("a", TensorProto.FLOAT, ["n", 2])], [value("b", TensorProto.FLOAT, ["n", 2])],
        changes.get("tensors", [two]),
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("evil", 1)]
    model = helper.make_model(graph, opset_imports=opsets[: 2 if "nodes" in changes else 1])
    model.ir_version = 8
    if card is not None:
        helper.set_model_props(model, {CARD_KEY: card.to_json()})
    return model


def test_a_model_is_loaded_from_a_path_and_from_bytes(tmp_path: Path) -> None:
    data = make_model().SerializeToString()
    (tmp_path / "twice.onnx").write_bytes(data)
    for source in (data, tmp_path / "twice.onnx", str(tmp_path / "twice.onnx")):
        model = load_model(source, kind="emg2exp")
        assert model.card == CARD
        assert len(model.sha256) == 64
        np.testing.assert_array_equal(model.run(np.array([[1, 2.5]])), [[2, 5]])


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3, 5)), "shape"),
        (np.zeros(2), "shape"),
        (np.array([["a", "b"]]), "real numbers"),
        (np.array([[1 + 1j, 0]]), "real numbers"),
        (np.array([[0, np.nan]]), r"\(0, 1\)"),
        (np.array([[np.inf, 0]]), r"\(0, 0\)"),
    ],
)
def test_a_wrong_array_is_refused(array: np.ndarray, words: str) -> None:
    with pytest.raises(EiferError, match=words):
        load_model(make_model().SerializeToString()).run(array)


def test_a_model_without_a_card_is_refused() -> None:
    with pytest.raises(EiferError, match="no model card"):
        load_model(make_model(None).SerializeToString())


def test_a_model_of_another_kind_is_refused() -> None:
    with pytest.raises(EiferError, match="'emg2exp', not 'translator'"):
        load_model(make_model().SerializeToString(), kind="translator")


def test_a_card_that_does_not_fit_the_network_is_refused() -> None:
    card = ModelCard("twice", "emg2exp", ("one",), ("x", "y"), "arkit52")
    with pytest.raises(EiferError, match="takes 2 values, but its card names 1"):
        load_model(make_model(card).SerializeToString())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "[" * 100000,
        '{"format_version": 1e999}',
        '{"format_version": 99}',
        json.dumps(json.loads(CARD.to_json()) | {"inputs": "abc"}),
        json.dumps(json.loads(CARD.to_json()) | {"surprise": 1}),
        json.dumps(json.loads(CARD.to_json()) | {"kind": "trojan"}),
    ],
)
def test_a_damaged_card_is_refused(text: str) -> None:
    model = make_model(None)
    helper.set_model_props(model, {CARD_KEY: text})
    with pytest.raises(EiferError, match=r"card|kind|newer"):
        load_model(model.SerializeToString())


def test_a_card_given_twice_is_refused() -> None:
    model = make_model()
    model.metadata_props.add(key=CARD_KEY, value="{}")
    with pytest.raises(EiferError, match="twice"):
        load_model(model.SerializeToString())


@pytest.mark.parametrize("how", ["location", "entries"])
def test_external_data_is_refused_before_a_file_is_opened(tmp_path: Path, how: str) -> None:
    tensor = TensorProto(name="two", data_type=TensorProto.FLOAT, dims=[2])
    if how == "location":
        tensor.data_location = TensorProto.EXTERNAL
    else:
        tensor.external_data.add(key="location", value=str(tmp_path / "secret"))
    with pytest.raises(EiferError, match="another file"):
        load_model(make_model(tensors=[tensor]).SerializeToString())


def test_external_data_in_a_constant_of_a_subgraph_is_refused() -> None:
    tensor = TensorProto(name="c", data_type=TensorProto.FLOAT, dims=[2])
    tensor.data_location = TensorProto.EXTERNAL
    inner = helper.make_graph([helper.make_node("Constant", [], ["c"], value=tensor)], "in", [], [])
    nodes = [helper.make_node("If", ["a"], ["b"], then_branch=inner, else_branch=inner)]
    with pytest.raises(EiferError, match="another file"):
        load_model(make_model(nodes=nodes).SerializeToString())


def test_unknown_domains_loops_functions_and_training_parts_are_refused() -> None:
    evil = [helper.make_node("Shell", ["a"], ["b"], domain="evil")]
    with pytest.raises(EiferError, match="'Shell' of the unknown domain 'evil'"):
        load_model(make_model(nodes=evil).SerializeToString())
    with pytest.raises(EiferError, match="never end"):
        load_model(make_model(nodes=[helper.make_node("Loop", ["a"], ["b"])]).SerializeToString())
    model = make_model()
    model.functions.add(name="f", domain="evil")
    with pytest.raises(EiferError, match="functions"):
        load_model(model.SerializeToString())
    model = make_model()
    model.training_info.add()
    with pytest.raises(EiferError, match="training part"):
        load_model(model.SerializeToString())


def test_a_file_that_is_too_large_missing_or_a_folder_is_refused(tmp_path: Path) -> None:
    huge = tmp_path / "huge.onnx"
    with huge.open("wb") as stream:
        stream.truncate(3 << 30)  # sparse: no disk is used, and nothing may be read of it
    started = time.process_time()
    with pytest.raises(EiferError, match="too large"):
        load_model(huge)
    assert time.process_time() - started < 3
    with pytest.raises(EiferError, match="too large"):
        load_model(b"x" * 100, max_bytes=10)
    with pytest.raises(EiferError, match="does not exist"):
        load_model(tmp_path / "absent.onnx")
    with pytest.raises(EiferError, match="cannot be read"):
        load_model(tmp_path)


@pytest.mark.parametrize("data", [b"", b"\x00" * 64, b"\xff" * 64, b"ORTM" * 40, b"\x80\x04\x95c"])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(EiferError, match="not an ONNX model"):
        load_model(data)


def test_deep_nesting_and_endless_fields_are_refused_quickly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = b""
    for number in reversed([7] + [1, 5, 6] * 20):  # graph, node, attribute, graph ...
        tag = bytes([number << 3 | 2])
        size, length = len(data), b""
        while size > 127:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        data = tag + length + bytes([size]) + data
    with pytest.raises(EiferError, match="deeply"):
        inspect_onnx(data, "deep")
    monkeypatch.setattr(onnx_guard, "MAX_FIELDS", 1000)
    with pytest.raises(EiferError, match="too many parts"):
        inspect_onnx(b"\x08\x01" * 5000, "long")


def test_truncations_and_byte_flips_are_loaded_or_refused_with_a_sentence() -> None:
    data = MODEL_PATH.read_bytes()
    chance = random.Random(0)
    refused = 0
    cuts = [data[:k] for k in range(0, len(data), 397)]
    flips = []
    for _ in range(300):
        changed = bytearray(data)
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        flips.append(bytes(changed))
    for candidate in cuts + flips:
        try:
            load_model(candidate).run(np.zeros((1, 22), np.float32))
        except EiferError:
            refused += 1
    assert refused >= len(cuts)


def test_random_bytes_never_escape_as_another_error() -> None:
    chance = random.Random(1)
    for _ in range(2000):
        with pytest.raises(EiferError):
            inspect_onnx(chance.randbytes(chance.randrange(200)) + b"\x07", "noise")


@pytest.mark.parametrize(
    "name", ["face_landmarks_detector", "face_detector", "face_blendshapes", "baseline"]
)
def test_other_peoples_models_are_read_as_the_onnx_package_reads_them(
    test_data: Path, name: str
) -> None:
    path = MODEL_PATH if name == "baseline" else test_data / "models" / f"{name}.onnx"
    facts = inspect_onnx(path.read_bytes(), path.name)
    model = onnx.load(path)
    assert facts.metadata == {p.key: p.value for p in model.metadata_props}
    assert facts.opset == next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    assert {n.op_type for n in model.graph.node} <= {o.split(":")[-1] for o in facts.operators}


def test_a_large_model_is_inspected_without_reading_its_weights() -> None:
    weights = onnx.numpy_helper.from_array(np.zeros((4096, 4096), np.float32), "w")
    two = onnx.numpy_helper.from_array(np.full((2,), 2, np.float32), "two")
    data = make_model(tensors=[two, weights]).SerializeToString()
    started = time.process_time()
    inspect_onnx(data, "large")
    assert time.process_time() - started < 0.5
