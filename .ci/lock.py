"""Write constraints/pyXYZ.txt (and lint.txt) from a real resolve with the Python that runs this."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: What the lint session installs: the tools, and what the checked code imports, for its types.
LINT = (
    "ruff", "mypy", "import-linter", "fake-bpy-module-4.5", "nox", "pytest",
    "numpy>=2.2", "scipy", "onnxruntime", "onnx", "av", "edfio",
)  # fmt: skip


def resolve(requirements: list[str]) -> list[str]:
    """Exact versions of everything that `requirements` bring, without installing anything."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"]
        command += ["--ignore-installed", "--report", str(report)]
        subprocess.run([*command, *requirements], check=True, cwd=ROOT)
        chosen = json.loads(report.read_text(encoding="utf-8"))["install"]
    pairs = {item["metadata"]["name"]: item["metadata"]["version"] for item in chosen}
    pairs.pop("eifer", None)
    # A local part (+cpu) names one machine's build of a version.
    pins = [f"{name}=={version.partition('+')[0]}" for name, version in pairs.items()]
    return sorted(pins, key=str.lower)


def write(name: str, about: str, pins: list[str]) -> None:
    """Write one constraints file with a line that says how it was made."""
    lines = [f"# {about} Made by `python3 -m nox -s lock`; do not edit by hand.", *pins]
    (ROOT / "constraints" / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(python: str) -> None:
    """Resolve for one Python; the lint environment is resolved with 3.11, its oldest."""
    name = f"py{python.replace('.', '')}.txt"
    pins = resolve(["pip", ".[blender,test,oracle]"])
    write(name, f"Exact versions for Python {python}.", pins)
    if python == "3.11":
        write("lint.txt", "Exact versions of the lint session.", resolve(list(LINT)))


if __name__ == "__main__":
    main(sys.argv[1])
