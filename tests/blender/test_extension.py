"""The built extension zip in a Blender that has nothing but what Blender itself brings."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lsl_settings import use_loopback_only

REPOSITORY = Path(__file__).resolve().parents[2]
LABEL = f"linux_x64-cp{sys.version_info.major}{sys.version_info.minor}"
SCRIPT = Path(__file__).with_name("extension_probe.py")
TIMEOUT_S = 240


def built_zip() -> Path:
    """The newest zip for this machine, or a skip that says how to make it."""
    found = sorted(REPOSITORY.glob(f"dist/eifer-*-{LABEL}.zip"), key=lambda p: p.stat().st_mtime)
    if not sys.platform.startswith("linux") or not found:
        pytest.skip(f"no dist/eifer-*-{LABEL}.zip; run: python3 -m nox -s build -- {LABEL}")
    return found[-1]


def needed_by(name: str) -> set[str]:
    """Names of the installed distributions that `name` needs, itself among them."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.add(current)
        for requirement in importlib.metadata.requires(current) or ():
            if "extra ==" not in requirement:
                needed = re.match(r"[A-Za-z0-9._-]+", requirement)
                assert needed is not None
                if _is_installed(needed.group()):
                    waiting.append(needed.group())
    return found


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def link_blenders_own_packages(folder: Path) -> None:
    """Make a site-packages folder that holds bpy and what bpy needs, and nothing of ours."""
    folder.mkdir()
    for name in needed_by("bpy"):
        distribution = importlib.metadata.distribution(name)
        for entry in {file.parts[0] for file in distribution.files or ()}:
            source = Path(str(distribution.locate_file(entry)))
            if entry != ".." and source.exists() and not (folder / entry).exists():
                (folder / entry).symlink_to(source)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the probe saw while it installed, enabled, used and disabled the extension."""
    archive = built_zip()
    folder = tmp_path_factory.mktemp("extension")
    link_blenders_own_packages(folder / "site-packages")
    result = folder / "report.json"
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment = kept | {
        "BLENDER_USER_RESOURCES": str(folder / "user"),
        "HOME": str(folder),
        "PYTHONPATH": str(folder / "site-packages"),
        "LSLAPICFG": str(use_loopback_only()),
    }
    # -S leaves out this environment's packages, so that only the zip's wheels can be found.
    done = subprocess.run(
        [sys.executable, "-S", str(SCRIPT), str(archive), str(result)],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "Traceback" not in output, output
    return dict(json.loads(result.read_text(encoding="utf-8")))


def test_the_zip_installs_and_enables_in_an_empty_user_folder(report: dict[str, Any]) -> None:
    assert report["module"] == "bl_ext.user_default.eifer"
    assert report["enabled"]


def test_its_wheels_are_enough_and_are_the_ones_in_use(report: dict[str, Any]) -> None:
    assert set(report["imported"]) >= {"scipy", "onnxruntime", "av", "edfio", "matplotlib.figure"}
    inside = [name for name, path in report["imported"].items() if "/user/extensions/" not in path]
    assert not inside, f"not from the zip: {inside}"
    assert "/site-packages/numpy/" in report["numpy"], "NumPy must be Blender's own"


def test_an_operator_makes_a_head(report: dict[str, Any]) -> None:
    assert report["add_head"] == ["FINISHED"]
    assert report["vertices"] > 5000
    assert report["shape_keys"] > 52


def test_the_script_api_answers_inside_blender(report: dict[str, Any]) -> None:
    assert report["api_vertices"] == report["vertices"]


def test_the_simulated_subject_streams_with_the_zips_own_liblsl(report: dict[str, Any]) -> None:
    seen = report["stream"]
    assert seen["state"] == "playing", seen
    assert len(seen["listed"]) == 2, seen
    assert [path.rpartition("/user/extensions/")[2] for path in seen["library"]] == [
        "user_default/eifer/eifer_addon/assets/liblsl.so"
    ]
    assert not seen["in_blender"], "liblsl was loaded in Blender's own process"


@pytest.mark.parametrize(
    "what", ["classes", "handlers", "timers", "keymaps", "properties", "menus"]
)
def test_ten_rounds_of_disabling_leave_nothing_behind(report: dict[str, Any], what: str) -> None:
    assert len(report["after"]) == 10
    for count, after in enumerate(report["after"], start=1):
        left = sorted(set(after[what]) - set(report["before"][what]))
        assert not left, f"round {count} left {what}: {left}"
        lost = sorted(set(report["before"][what]) - set(after[what]))
        assert not lost, f"round {count} took away {what}: {lost}"


def test_enabling_adds_the_same_things_each_time(report: dict[str, Any]) -> None:
    first = report["while_enabled"][0]
    for what in ("classes", "properties", "menus"):
        assert set(first[what]) > set(report["before"][what]), f"the probe sees no {what}"
    assert all(later == first for later in report["while_enabled"])


def test_the_zip_holds_what_it_should_and_stays_small() -> None:
    import zipfile

    archive = built_zip()
    assert archive.stat().st_size < 200 * 1000 * 1000
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
    assets = ("open_head.npz", "face_landmarker.task", "liblsl.so")
    assert {f"eifer_addon/assets/{name}" for name in assets} <= set(names)
    assert {"blender_manifest.toml", "__init__.py", "LICENSE", "THIRD_PARTY.md"} <= set(names)
    unwanted = (
        "tests/",
        "docs/",
        "examples/",
        "noxfile",
        "__pycache__",
        "wheels/numpy",
        ".nox",
        ".git",
    )
    assert not [name for name in names if any(part in name for part in unwanted)]
