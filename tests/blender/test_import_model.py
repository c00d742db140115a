"""Checkpoints imported and models removed by Blender's operators."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import bpy
import pytest
from tiny_reconstructor import smirk_rows, tiny

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.open_head import load_open_head
from eifer.eifer_addon.heads.units import known_units
from eifer.eifer_addon.model_import import ImportRequest, ModelImport
from eifer.eifer_addon.scene import preferences
from eifer.operators import import_model, registration


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EIFER_MODELS", str(tmp_path / "models"))
    registration.register()
    return tmp_path / "models"


def add_model(folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    tiny(folder / f"{name}.onnx", "smirk", smirk_rows({})[None].repeat(3, 0), smirk_rows({}))


def test_an_imported_model_is_shown_and_removed(own_models: Path) -> None:
    add_model(own_models, "mine")
    add_model(own_models, "other")
    assert preferences.model_names() == ["mine", "other"]
    assert bpy.ops.eifer.remove_model(model_name="mine") == {"FINISHED"}
    assert preferences.model_names() == ["other"]
    with pytest.raises(RuntimeError, match="no imported model 'mine'"):
        bpy.ops.eifer.remove_model(model_name="mine")


def test_without_a_python_that_has_torch_the_button_says_where_to_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_model, "_has_torch", lambda: False)
    with pytest.raises(RuntimeError, match=r"needs torch.*add-on's preferences"):
        bpy.ops.eifer.import_model(filepath=str(tmp_path / "SMIRK_em1.pt"), backend="smirk")


def stand_in(folder: Path, command: str) -> str:
    """A stand-in for the user's Python, which runs a line of shell."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\n{command}\n")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return str(python)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
def test_the_named_python_is_the_one_that_imports(
    own_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = 'echo "ran $(basename "$2") $3 with ${PYTHONPATH:-nothing of ours}" >&2'
    monkeypatch.setattr(import_model, "torch_python", lambda _context: stand_in(tmp_path, words))
    with pytest.raises(RuntimeError, match=r"ran entry.py model_import_child with nothing of ours"):
        bpy.ops.eifer.import_model(filepath=str(tmp_path / "x.pt"), backend="smirk")
    assert not list(own_models.glob("*"))


def test_a_python_that_does_not_exist_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_model, "torch_python", lambda _context: str(tmp_path / "no"))
    with pytest.raises(RuntimeError, match="cannot be started: No such file"):
        bpy.ops.eifer.import_model(filepath=str(tmp_path / "x.pt"), backend="smirk")


def test_what_the_child_says_is_reported_and_nothing_is_left(
    own_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_model, "_has_torch", lambda: True)  # it comes later than the file
    with pytest.raises(RuntimeError, match=r"SMIRK_em1.pt does not exist"):
        bpy.ops.eifer.import_model(filepath=str(tmp_path / "SMIRK_em1.pt"), backend="smirk")
    assert not list(own_models.glob("*"))


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
def test_the_button_is_done_when_the_child_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole import in a child is in the tests of checkpoints, where torch is."""
    monkeypatch.setattr(
        import_model, "torch_python",
        lambda _context: stand_in(tmp_path, 'echo \'{"made": {"name": "mine", "path": "x"}}\''),
    )  # fmt: skip
    done = bpy.ops.eifer.import_model(filepath=str(tmp_path / "x.pt"), backend="smirk")
    assert done == {"FINISHED"}


def test_an_import_that_is_given_up_leaves_nothing(own_models: Path, tmp_path: Path) -> None:
    job = ModelImport(ImportRequest("smirk", str(tmp_path / "x.pt")))
    job.close()
    assert job.poll() == "failed"
    assert not list(own_models.glob("*"))


def test_the_button_imports_a_basel_face_model_without_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bfm_writer import synthetic_bfm, write_front

    monkeypatch.setenv("EIFER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(import_model, "_has_torch", lambda: False)
    try:
        face = synthetic_bfm(load_open_head(), 64)
    except EiferError as error:
        pytest.skip(str(error))
    with pytest.raises(EiferError, match="bfm09"):
        known_units("bfm09")
    path = write_front(tmp_path / "BFM_model_front.mat", face)
    assert bpy.ops.eifer.import_model(filepath=str(path), backend="bfm") == {"FINISHED"}
    assert known_units("bfm09").coefficients.shape == (52, 64)
    with pytest.raises(RuntimeError, match=r"absent\.mat does not exist"):
        bpy.ops.eifer.import_model(filepath=str(tmp_path / "absent.mat"), backend="bfm")
