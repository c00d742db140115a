"""Where a child process starts: ``python -P entry.py MODULE ARGUMENT …``; see `processes`.

The extension's folder has another name in each Blender and cannot be imported there without
Blender, so the root is loaded under its own name first. Then ``main(arguments)`` of a module
below this folder runs, named as in ``live.child``.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_PACKAGE = "eifer"


def load_root() -> None:
    """Import the folder that holds this file as the package `eifer`."""
    spec = importlib.util.spec_from_file_location(
        _PACKAGE, _ROOT / "__init__.py", submodule_search_locations=[str(_ROOT)]
    )
    if spec is None or spec.loader is None:
        raise SystemExit(f"{_ROOT} is no package.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[_PACKAGE] = module
    spec.loader.exec_module(module)


def run(name: str, arguments: list[str]) -> int:
    """``main(arguments)`` of the module `name`, counted from this folder."""
    module = importlib.import_module(f"{_PACKAGE}.eifer_addon.{name}")
    return int(module.main(arguments))


if __name__ == "__main__":
    load_root()
    sys.exit(run(sys.argv[1], sys.argv[2:]))
