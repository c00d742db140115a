"""FLAME files in every way they were written come in bit by bit; others are named and refused."""

from __future__ import annotations

import io
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from flame_writer import (
    N_TRIANGLES,
    N_VERTICES,
    STYLES,
    flame_pickle,
    synthetic_arrays,
    write_flame,
)

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.flame_file import flame_name, load_flame, parse_flame
from eifer.eifer_addon.heads.model import HeadModel

SMALL = 120
WHERE = Path("model.pkl")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EIFER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    return synthetic_arrays(seed=5, n_vertices=SMALL)


def assert_same(head: HeadModel, arrays: dict[str, Any]) -> None:
    """Every array of the head is the file's, rounded to float32 once."""
    shapes = np.concatenate([head.identity_basis, head.expression_basis], axis=2)
    for mine, key in (
        (head.template, "v_template"), (shapes, "shapedirs"), (head.weights, "weights"),
        (head.pose_correctives, "posedirs"), (head.joint_regressor, "J_regressor"),
    ):  # fmt: skip
        assert mine.dtype == np.float32
        assert (mine == np.asarray(arrays[key]).astype(np.float32)).all(), key
    assert head.triangles.dtype == np.int32
    assert (head.triangles == arrays["f"]).all()


@pytest.mark.parametrize("style", STYLES)
def test_a_full_size_file_of_each_style_is_read_bit_by_bit(style: str, tmp_path: Path) -> None:
    path = tmp_path / ("flame2020.npz" if style == "npz" else "generic_model.pkl")
    written = write_flame(path, style)
    head = load_flame(path)
    assert_same(head, written)
    assert (head.n_vertices, len(head.triangles)) == (N_VERTICES, N_TRIANGLES)
    assert (head.n_identity, head.n_expression) == (300, 100)
    assert head.info["file"] == path.name
    assert "licence" in head.info


def test_the_old_style_is_what_pickle_itself_reads(
    arrays: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer is no invention: Python's unpickler reads its bytes to the same arrays."""

    class Ch:
        x: np.ndarray

    fake = types.ModuleType("chumpy.ch")
    fake.Ch = Ch  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", fake)

    class OldScipy(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            return super().find_class(module.replace("scipy.sparse.csc", "scipy.sparse"), name)

    data = flame_pickle(arrays, "2020")
    assert b"cchumpy.ch\nCh\n" in data
    assert b"cscipy.sparse.csc\ncsc_matrix\n" in data
    assert b"cnumpy.core.multiarray\n_reconstruct\n" in data
    theirs = OldScipy(io.BytesIO(data), encoding="latin1").load()
    assert (theirs["shapedirs"].x == arrays["shapedirs"]).all()
    assert (theirs["J_regressor"].toarray() == arrays["J_regressor"]).all()
    assert theirs["bs_style"] == "lbs"
    assert_same(parse_flame(data, WHERE), arrays)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("sparse", ["csc_matrix", "csc_array", "csr_matrix", None])
def test_every_protocol_and_sparse_format_of_today_is_read(
    arrays: dict[str, np.ndarray], protocol: int, sparse: str | None
) -> None:
    content: dict[str, Any] = dict(arrays)
    if sparse is not None:
        content["J_regressor"] = getattr(scipy.sparse, sparse)(arrays["J_regressor"])
    assert_same(parse_flame(pickle.dumps(content, protocol), WHERE), arrays)


@pytest.mark.parametrize("protocol", [0, 1])
def test_the_oldest_protocols_are_read(arrays: dict[str, np.ndarray], protocol: int) -> None:
    assert_same(parse_flame(pickle.dumps(arrays, protocol), WHERE), arrays)


@pytest.mark.parametrize(
    "change",
    [
        np.asfortranarray,
        lambda array: array.astype(">f8"),
        lambda array: array.astype(np.float32),
    ],
)
def test_order_in_memory_and_byte_order_do_not_matter(
    arrays: dict[str, np.ndarray], change: Any
) -> None:
    content = {**arrays, "shapedirs": change(arrays["shapedirs"])}
    assert_same(parse_flame(pickle.dumps(content, 2), WHERE), content)


def test_a_chumpy_selection_is_resolved(
    arrays: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Select:
        pass

    Select.__module__, Select.__qualname__ = "chumpy.reordering", "Select"
    module = types.ModuleType("chumpy.reordering")
    module.Select = Select  # type: ignore[attr-defined]
    view = Select()
    template = arrays["v_template"]
    view.__dict__.update(
        a=np.r_[np.zeros(7), template.reshape(-1)], idxs=7 + np.arange(template.size),
        preferred_shape=template.shape,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.reordering", module)
    assert_same(parse_flame(pickle.dumps({**arrays, "v_template": view}, 2), WHERE), arrays)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("FLAME2020/generic_model.pkl", "flame2020"),
        ("FLAME2017/female_model.pkl", "flame2017"),
        ("flame2019_generic.pkl", "flame2019"),
        ("FLAME2023/flame2023.pkl", "flame2023"),
        ("FLAME2023/flame2023_no_jaw.pkl", "flame2023_no_jaw"),
        ("flame2023_Open.pkl", "flame2023open"),
        ("models/generic_model.pkl", "flame"),
    ],
)
def test_the_basis_is_named_as_far_as_the_name_tells(path: str, name: str) -> None:
    assert flame_name(Path(path))[0] == name


def test_a_file_is_converted_once(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "flame2020.pkl"
    written = write_flame(path, n_vertices=SMALL)
    first = load_flame(path)
    (kept,) = (own_cache / "heads").iterdir()
    assert kept.name.startswith(first.info["sha256"])
    path.rename(tmp_path / "flame2023.pkl")
    with monkeypatch.context() as patched:
        patched.delattr("eifer.eifer_addon.heads.flame_file.parse_flame")
        second = load_flame(tmp_path / "flame2023.pkl")
    assert_same(second, written)
    assert (second.name, second.info["file"]) == ("flame2023", "flame2023.pkl")
    kept.write_bytes(kept.read_bytes()[:1000])
    assert_same(load_flame(tmp_path / "flame2023.pkl"), written)


def test_without_a_cache_the_head_still_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    monkeypatch.setenv("EIFER_CACHE", str(blocked / "cache"))
    written = write_flame(tmp_path / "flame2020.pkl", n_vertices=SMALL)
    head = load_flame(tmp_path / "flame2020.pkl")
    assert_same(head, written)
    assert "not kept" in head.info["cache"]


def test_our_own_head_file_is_read_as_it_is(
    tmp_path: Path, arrays: dict[str, np.ndarray], own_cache: Path
) -> None:
    head = parse_flame(flame_pickle(arrays), WHERE).replace(name="open")
    head.save(tmp_path / "mine.npz")
    assert load_flame(tmp_path / "mine.npz").name == "open"
    assert not own_cache.exists()


def test_a_remeshed_head_is_written_with_its_own_arrays(
    tmp_path: Path, arrays: dict[str, np.ndarray]
) -> None:
    moved = arrays["v_template"] + 0.01
    write_flame(tmp_path / "flame.pkl", arrays=arrays, template=moved)
    assert (load_flame(tmp_path / "flame.pkl").template == moved.astype(np.float32)).all()


def test_separate_expressions_are_taken_as_such(arrays: dict[str, np.ndarray]) -> None:
    shapes = arrays["shapedirs"]
    content = {**arrays, "shapedirs": shapes[:, :, :100], "exprdirs": shapes[:, :, 300:350]}
    head = parse_flame(pickle.dumps(content, 2), WHERE)
    assert (head.n_identity, head.n_expression) == (100, 50)


def _changed(array: np.ndarray, index: Any, value: float) -> np.ndarray:
    array = array.copy()
    array[index] = value
    return array


VIOLATIONS: dict[str, tuple[str, Any, str]] = {
    "NaN in the template": (
        "v_template", lambda a: _changed(a, (3, 1), np.nan), r"not finite at \(3, 1\)"),
    "infinite basis": ("shapedirs", lambda a: _changed(a, (0, 0, 399), np.inf), "not finite"),
    "float64 beyond float32": ("posedirs", lambda a: _changed(a, (0, 0, 0), 1e300), "not finite"),
    "absurd displacement": ("shapedirs", lambda a: _changed(a, (0, 0, 0), 1e6), "1e.06 m per unit"),
    "millimetres": ("v_template", lambda a: a * 1000, "no head in metres"),
    "one point": ("v_template", lambda a: a * 0, "no head in metres"),
    "no vertices": ("v_template", lambda a: a[:0], "0 vertices"),
    "whole numbers": ("weights", lambda a: a.astype(np.int64), "holds int64"),
    "floating triangles": ("f", lambda a: a.astype(float), "holds float64"),
    "corner that is none": ("f", lambda a: _changed(a, (8, 2), SMALL), "triangle 8 has a corner"),
    "no triangles": ("f", lambda a: a[:0], "no triangle"),
    "quads": ("f", lambda a: np.hstack([a, a[:, :1]]), r"not \(n, 3\)"),
    "another vertex count": ("weights", lambda a: a[:-1], r"\(119, 5\), not \(120, 5\)"),
    "weights that sum to 1.1": ("weights", lambda a: a * 1.1, "no set of weights: vertex 0"),
    "negative weight": (
        "weights", lambda a: _changed(_changed(a, (4, 0), -0.5), (4, 1), 1.5 - a[4, 2:].sum()),
        "vertex 4"),
    "another tree": ("kintree_table", lambda a: _changed(a, (0, 2), 0), "parents"),
    "a body's tree": ("kintree_table", lambda _: np.zeros((2, 24), np.int64), r"\(2, 24\)"),
    "too few components": ("shapedirs", lambda a: a[:, :, :150], "cannot be told apart"),
    "sparse of another shape": (
        "J_regressor", lambda a: scipy.sparse.csc_matrix(a[:, :-1]), r"\(5, 119\), not"),
    "text": ("v_template", lambda _: "head", "is of the kind str"),
    "nothing": ("posedirs", lambda _: None, "is missing"),
    "names": ("weights", lambda _: np.array(["a", "b"]), "'U1', not plain numbers"),
    "objects": ("weights", lambda _: np.array([{}, None], object), "'O8', not plain numbers"),
    "structures": ("weights", lambda _: np.zeros(3, "f4,f4"), "'V8', not plain numbers"),
}  # fmt: skip


@pytest.mark.parametrize("case", VIOLATIONS)
def test_a_violation_names_the_key_and_the_file(
    case: str, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    key, change, reason = VIOLATIONS[case]
    path = tmp_path / "flame2020.pkl"
    path.write_bytes(pickle.dumps({**arrays, key: change(arrays[key])}, 2))
    with pytest.raises(EiferError, match=reason) as caught:
        load_flame(path)
    assert f"'{key}' of {path}" in caught.value.cause
    assert caught.value.remedy


@pytest.mark.parametrize("key", sorted(synthetic_arrays(n_vertices=50)))
@pytest.mark.parametrize("style", STYLES)
def test_a_missing_key_is_named(key: str, style: str, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    write_flame(path, style, n_vertices=50, **{key: None})
    with pytest.raises(EiferError, match=f"model.bin is not a FLAME model: it has no '{key}'"):
        load_flame(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"Dear user, please log in first.", "neither a pickle nor an .npz"),
        (b"<!DOCTYPE html><html></html>", "neither a pickle nor an .npz"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "neither a pickle nor an .npz"),
        (b"PK\x03\x04" + bytes(200), "not a readable .npz"),
        (pickle.dumps([1, 2, 3]), "holds no table of arrays"),
        (pickle.dumps({"v_template": 1}), "it has no 'f'"),
    ],
)
def test_a_file_that_is_no_model_is_named(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "flame2020.pkl"
    path.write_bytes(content)
    with pytest.raises(EiferError, match=reason) as caught:
        load_flame(path)
    assert str(path) in caught.value.cause


def test_folders_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(EiferError, match="is a folder"):
        load_flame(tmp_path)
    with pytest.raises(EiferError, match="does not exist"):
        load_flame(tmp_path / "none.pkl")
