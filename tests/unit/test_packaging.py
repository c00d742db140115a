"""What pyproject, the manifest and the table of bundled wheels say about each other."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / ".ci"))

import extension  # noqa: E402
import machine  # noqa: E402


def read(name: str) -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / name).read_text(encoding="utf-8"))


def test_every_package_folder_is_installed() -> None:
    listed = set(read("pyproject.toml")["tool"]["setuptools"]["packages"])
    folders = [REPOSITORY / name for name in ("eifer_addon", "operators", "models")]
    found = {
        ".".join(("eifer", *init.parent.relative_to(REPOSITORY).parts))
        for folder in folders
        for init in folder.rglob("__init__.py")
    }
    assert found | {"eifer"} == listed


def test_manifest_and_project_have_the_same_version_and_licence() -> None:
    project, manifest = read("pyproject.toml")["project"], read("blender_manifest.toml")
    assert manifest["version"] == project["version"]
    assert manifest["license"] == [f"SPDX:{project['license']}"]
    assert manifest["id"] == project["name"] == "eifer"


def test_permissions_and_tagline_keep_blenders_rules() -> None:
    manifest = read("blender_manifest.toml")
    for text in (manifest["tagline"], *manifest["permissions"].values()):
        assert len(text) <= 64
        assert text[-1].isalnum()


@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_every_bundled_wheel_has_an_exact_version(python: str) -> None:
    pins = extension.pinned_versions(python)
    assert not [name for name in extension.BUNDLED if name not in pins]
    assert "numpy" not in extension.BUNDLED


@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_every_dependency_is_bundled_or_blenders(python: str) -> None:
    names = [
        re.match(r"[\w.-]+", line) for line in read("pyproject.toml")["project"]["dependencies"]
    ]
    needed = {match.group() for match in names if match} - {"numpy"}
    assert needed <= set(extension.BUNDLED)
    assert needed <= set(extension.pinned_versions(python))


def test_a_zip_names_its_platform_and_its_blender_range() -> None:
    old = tomllib.loads(extension._manifest_text(extension.Target("linux-x64", "3.11"), ["a.whl"]))
    new = tomllib.loads(extension._manifest_text(extension.Target("macos-arm64", "3.13"), []))
    assert old["blender_version_max"] == new["blender_version_min"] == "5.1.0"
    assert "blender_version_max" not in new
    assert old["wheels"] == ["./wheels/a.whl"]
    assert (old["platforms"], new["platforms"]) == (["linux-x64"], ["macos-arm64"])


def test_a_missing_library_becomes_one_exact_line(monkeypatch: pytest.MonkeyPatch) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("system packages are checked on Linux")
    monkeypatch.setitem(machine.LIBRARIES, "libNoSuchThing.so.9", "libnosuchthing9")
    assert "libnosuchthing9" in machine.missing_packages()
    line = machine.install_line(["libsm6", "libxi6"])
    assert line.endswith("apt-get install -y --no-install-recommends libsm6 libxi6")


def test_liblsl_is_packed_for_linux_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    library = root / "eifer_addon" / "assets" / "liblsl.so"
    library.parent.mkdir(parents=True)
    library.write_bytes(b"library")
    manifest = (REPOSITORY / "blender_manifest.toml").read_bytes()
    (root / "blender_manifest.toml").write_bytes(manifest)
    monkeypatch.setattr(extension, "ROOT", root)
    monkeypatch.setattr(extension, "STAGE", tmp_path / "stage")
    holds = {
        target.platform: (extension._stage_files(target, []) / library.relative_to(root)).is_file()
        for target in extension.TARGETS
    }
    assert holds == {"linux-x64": True, "windows-x64": False, "macos-arm64": False}
