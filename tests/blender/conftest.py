"""Fixtures for tests in Blender: an empty scene per test, heads, and a clean exit."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("bpy", reason="bpy is not installed here")

import bpy

from eifer.eifer_addon import files

if TYPE_CHECKING:
    from eifer.eifer_addon.heads.model import HeadModel


def _synthetic() -> Any:
    path = Path(__file__).with_name("synthetic_head.py")
    spec = importlib.util.spec_from_file_location("synthetic_head", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session", autouse=True)
def nothing_registered_at_exit() -> Iterator[None]:
    """Take the extension out of Blender before Python ends, where 4.5 would hang for ever."""
    yield
    from eifer.operators import registration

    registration.unregister()


@pytest.fixture(autouse=True)
def empty_scene() -> bpy.types.Context:
    """An empty file for every test."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return bpy.context


@pytest.fixture(autouse=True)
def quiet_user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep caches of the tests out of the home folder."""
    monkeypatch.setenv("EIFER_CACHE", str(tmp_path / "cache"))
    files.set_user_folder(None)
    os.environ.pop("EIFER_RAISE", None)


@pytest.fixture(scope="session")
def synthetic_head() -> HeadModel:
    """A small head with random smooth bases."""
    return _synthetic().make_head()


@pytest.fixture(scope="session")
def open_head() -> HeadModel:
    """The open head, or a skip with the sentence that says how to build it."""
    from eifer.eifer_addon import api
    from eifer.eifer_addon.errors import EiferError

    try:
        return api.load_head()
    except EiferError as error:
        pytest.skip(str(error))


@pytest.fixture
def rigged(synthetic_head: HeadModel) -> bpy.types.Object:
    """The synthetic head in the scene."""
    from eifer.eifer_addon.scene.rig import add_head

    return add_head(bpy.context, synthetic_head)


@pytest.fixture
def registered() -> Iterator[None]:
    """The extension's operators and panels, for as long as a test takes."""
    from eifer.eifer_addon.scene import recipes
    from eifer.operators import registration

    recipes.forget_activities()
    registration.register()
    yield
    registration.unregister()


@pytest.fixture
def small_open_head(synthetic_head: HeadModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Operators ask the script API for the open head; a small one makes the tests quick."""
    from eifer.eifer_addon import api

    real = api.load_head
    monkeypatch.setattr(api, "load_head", lambda path=None: real(path) if path else synthetic_head)
