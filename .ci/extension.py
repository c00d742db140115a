"""The extension zips: one per platform and Blender Python, with the wheels inside.

A zip is staged in a folder that holds only what belongs to it, packed by Blender's own extension
command line (it lies inside the bpy wheel) and validated by it.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints"
WHEEL_CACHE = ROOT / "build" / "wheels"
STAGE = ROOT / "build" / "extension"
DIST = ROOT / "dist"
#: What belongs to the extension; everything else in the checkout stays out.
CONTENT = ("__init__.py", "LICENSE", "THIRD_PARTY.md", "eifer_addon", "operators", "models")
LEFT_OUT = ("__pycache__", "*.pyc", ".*")
#: The wheels inside, each without its dependencies: a dependency that Blender's Python lacks has a
#: line of its own. NumPy is Blender's and is never bundled.
BUNDLED = (
    "scipy",
    "onnxruntime", "flatbuffers", "protobuf", "packaging",
    "ai-edge-litert", "backports-strenum", "ml-dtypes", "tqdm", "typing-extensions",
    "av",
    "edfio", "h5py",
    "matplotlib", "contourpy", "cycler", "fonttools", "kiwisolver", "pillow", "pyparsing",
    "python-dateutil",
    "pylsl", "python-osc",
    # Batches on all cores and on a cluster.
    "dask", "distributed", "click", "cloudpickle", "fsspec", "jinja2", "locket", "markupsafe",
    "msgpack", "partd", "psutil", "pyyaml", "sortedcontainers", "tblib", "toolz", "tornado", "zict",
    # RealSense recordings are ROS 1 bags; what rosbags needs for ROS 2 only is left out.
    "rosbags", "lz4",
)  # fmt: skip
#: Dask asks for these under Python 3.12 only.
BUNDLED_FOR = {"3.11": ("importlib-metadata", "lazy-importer", "zipp")}
#: Blender releases by the Python they carry: the first (None: the manifest's own minimum), and the
#: first that has another Python.
BLENDER_RANGE = {"3.11": (None, "5.1.0"), "3.13": ("5.1.0", None), "3.14": ("5.1.0", None)}
#: Distributions that build Blender against their own, newer Python; made for tests only.
UNRELEASED = "3.14"
#: The oldest systems that Blender itself supports decide which wheels may be taken.
PLATFORM_TAGS = {
    "linux-x64": [f"manylinux_2_{minor}_x86_64" for minor in range(28, 16, -1)]
    + ["manylinux2014_x86_64"],
    "windows-x64": ["win_amd64"],
    "macos-arm64": ["macosx_14_0_arm64"],
}
#: Files that only one platform's zip holds.
ONLY_ON = {"eifer_addon/assets/liblsl.so": "linux-x64"}
LARGEST_ZIP = 200 * 1000 * 1000


@dataclass(frozen=True)
class Target:
    """One zip: a platform as Blender names it and the Python of its Blender."""

    platform: str
    python: str

    @property
    def label(self) -> str:
        """For example ``linux_x64-cp311``; part of the zip's name."""
        return f"{self.platform.replace('-', '_')}-cp{self.python.replace('.', '')}"


TARGETS = tuple(
    Target(platform, python)
    for platform in PLATFORM_TAGS
    for python in BLENDER_RANGE
    if python != UNRELEASED
)


def build_zip(target: Target) -> Path:
    """Download the wheels, stage the files, pack and validate one extension zip."""
    wheels = _download_wheels(target)
    stage = _stage_files(target, wheels)
    folder = STAGE if target.python == UNRELEASED else DIST
    folder.mkdir(exist_ok=True)
    archive = folder / f"eifer-{_manifest()['version']}-{target.label}.zip"
    tags = _write_tags()
    _extension_cli(
        "build", f"--source-dir={stage}", f"--output-filepath={archive}", f"--valid-tags={tags}"
    )
    _extension_cli("validate", f"--valid-tags={tags}", str(archive))
    size = archive.stat().st_size
    if size >= LARGEST_ZIP:
        raise SystemExit(f"{archive.name} has {size / 1e6:.0f} MB; the limit is 200 MB.")
    print(f"{archive.relative_to(ROOT)}: {size / 1e6:.1f} MB, {len(wheels)} wheels")
    return archive


def pinned_versions(python: str) -> dict[str, str]:
    """Exact versions by normalised package name from the constraints file of a Python."""
    locked = "3.13" if python == UNRELEASED else python
    text = (CONSTRAINTS / f"py{locked.replace('.', '')}.txt").read_text(encoding="utf-8")
    pairs = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, flags=re.MULTILINE)
    return {_normalised(name): version for name, version in pairs}


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _download_wheels(target: Target) -> list[Path]:
    """Wheels of `BUNDLED` for a target, kept between builds while the pins stay the same."""
    versions = pinned_versions(target.python)
    wanted = [
        f"{name}=={versions[name]}" for name in (*BUNDLED, *BUNDLED_FOR.get(target.python, ()))
    ]
    folder = WHEEL_CACHE / target.label
    listing = folder / "wanted.json"
    if not (listing.is_file() and json.loads(listing.read_text(encoding="utf-8")) == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", f"--python-version={target.python}", f"--dest={folder}"]
        command += [f"--platform={tag}" for tag in PLATFORM_TAGS[target.platform]]
        subprocess.run([*command, *wanted], check=True)
        listing.write_text(json.dumps(wanted), encoding="utf-8")
    return sorted(folder.glob("*.whl"))


def _stage_files(target: Target, wheels: list[Path]) -> Path:
    """Lay out the extension's files, its wheels and its manifest in an empty folder."""
    stage = STAGE / target.label
    shutil.rmtree(stage, ignore_errors=True)
    (stage / "wheels").mkdir(parents=True)
    for name in CONTENT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, stage / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
        elif source.is_file():
            shutil.copy2(source, stage / name)
    for name, platform in ONLY_ON.items():
        if platform != target.platform:
            (stage / name).unlink(missing_ok=True)
    for wheel in wheels:
        # A link where the file system allows it: the wheels of a target weigh over 100 MB.
        _link_or_copy(wheel, stage / "wheels" / wheel.name)
    manifest = _manifest_text(target, [wheel.name for wheel in wheels])
    (stage / "blender_manifest.toml").write_text(manifest, encoding="utf-8")
    return stage


def _link_or_copy(source: Path, destination: Path) -> None:
    try:
        destination.hardlink_to(source)
    except OSError:
        shutil.copy2(source, destination)


def _manifest() -> dict[str, object]:
    return tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))


def _manifest_text(target: Target, wheel_names: list[str]) -> str:
    """The repository's manifest with the platform, the wheels and the Blender range of a zip."""
    text = (ROOT / "blender_manifest.toml").read_text(encoding="utf-8")
    first, other = BLENDER_RANGE[target.python]
    if first is not None:
        text = _replace_line(text, "blender_version_min", f'"{first}"')
    if other is not None:
        maximum = f'blender_version_max = "{other}"'
        text = re.sub(r"^(blender_version_min = .*)$", rf"\1\n{maximum}", text, flags=re.MULTILINE)
    listed = "".join(f'  "./wheels/{name}",\n' for name in wheel_names)
    text = _replace_line(text, "platforms", f'["{target.platform}"]')
    return _replace_line(text, "wheels", f"[\n{listed}]")


def _replace_line(text: str, key: str, value: str) -> str:
    changed, count = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
    if count != 1:
        raise SystemExit(f"blender_manifest.toml must have exactly one line '{key} = …'.")
    return changed


def _bpy_scripts() -> Path:
    """The folder `scripts` of the installed bpy wheel, found without importing bpy."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None:
        raise SystemExit("bpy is not installed in this environment: run this through nox.")
    return next(Path(spec.origin).parent.glob("*/scripts"))


def _write_tags() -> Path:
    """Blender's list of tags as the JSON file that its command line takes."""
    source = _bpy_scripts() / "modules" / "_bpy_internal" / "extensions" / "tags.py"
    values = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(source.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    STAGE.mkdir(parents=True, exist_ok=True)
    path = STAGE / "tags.json"
    tags = {"add-on": sorted(values["addons"]), "theme": sorted(values["themes"])}
    path.write_text(json.dumps(tags), encoding="utf-8")
    return path


def _extension_cli(*arguments: str) -> None:
    script = _bpy_scripts() / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
    subprocess.run([sys.executable, str(script), *arguments], check=True)


def main(labels: list[str]) -> None:
    """Build the zips whose labels are named, or all of them."""
    known = {target.label: target for target in TARGETS}
    unknown = [label for label in labels if label not in known]
    if unknown:
        raise SystemExit(f"No target is called {unknown[0]}; there are {', '.join(known)}.")
    for label in labels or known:
        build_zip(known[label])


if __name__ == "__main__":
    main(sys.argv[1:])
