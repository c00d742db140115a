"""The built assets: which wheels they come from, and whether they are up to date."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PINS = ROOT / "constraints" / "assets.txt"
WHEELS = ROOT / ".assets" / "wheels"
STAMP = ROOT / ".assets" / "built.json"
BUILDER = ROOT / "eifer_addon" / "heads" / "build" / "__main__.py"
BUILT = tuple(
    ROOT / "eifer_addon" / "assets" / name
    for name in ("open_head.npz", "face_landmarker.task", "liblsl.so")
)


def wheels_are_here() -> bool:
    """Whether every pinned wheel lies in the wheel folder with the pinned SHA-256."""
    wanted = set(re.findall(r"sha256:([0-9a-f]{64})", PINS.read_text(encoding="utf-8")))
    found = {hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in WHEELS.glob("*.whl")}
    return bool(wanted) and wanted <= found


def are_current() -> bool:
    """Whether the assets were built from today's pins by today's builder, and are unchanged."""
    if not STAMP.is_file() or not all(path.is_file() for path in BUILT):
        return False
    try:
        recorded = json.loads(STAMP.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return bool(recorded == fingerprint())


def record() -> None:
    """Remember what the assets were built from."""
    STAMP.write_text(json.dumps(fingerprint(), indent=1), encoding="utf-8")


def fingerprint() -> dict[str, str]:
    """Hashes of the pins, of the builder with everything it imports here, and of the assets."""
    digest = hashlib.sha256()
    for path in sorted(_sources(BUILDER)):
        digest.update(path.relative_to(ROOT).as_posix().encode())
        digest.update(path.read_bytes())
    return {
        "pins": hashlib.sha256(PINS.read_bytes()).hexdigest(),
        "builder": digest.hexdigest(),
    } | {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in BUILT}


def _sources(module: Path) -> set[Path]:
    """`module` and what it imports by relative imports, with the data tables beside them."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        path = waiting.pop()
        if path in found or not path.is_file():
            continue
        found.add(path)
        waiting += _imports_of(path)
    return found | {table for path in found for table in path.parent.glob("*.json")}


def _imports_of(path: Path) -> list[Path]:
    """Files of this repository that the relative imports of `path` may mean."""
    files: list[Path] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            files += [folder.with_suffix(".py"), folder / "__init__.py"]
            files += [folder / f"{alias.name}.py" for alias in node.names]
    return files
