"""The scene and the film of a clip in a batch, made by a Blender of its own process.

A worker of the cluster has no Blender in it, and Blender must not run in a thread beside others;
so each clip that is rendered gets a process, which is the bpy module where Python has it, else the
Blender that the batch was started from.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import EiferError

if TYPE_CHECKING:
    from .video_clip import Request

_ENTRY = Path(__file__).with_name("entry.py")
#: What the rendered film shows, and what each is in words.
STYLES = {
    "beside": "the film, and the avatar to its right",
    "over": "the avatar over the film",
    "avatar": "the avatar alone",
}
_DEFAULTS: dict[str, Any] = {"style": "beside", "engine": "workbench", "size": 720, "blender": ""}
_LAST_WORDS = 2000


def render_choices(given: Mapping[str, Any]) -> dict[str, Any]:
    """Complete and check what was chosen for renders.

    Parameters
    ----------
    given : mapping
        ``style`` (see `STYLES`), ``engine`` ("workbench" or "cycles"), ``size``: the longer side
        of the picture in pixels, at most that of the film; ``blender``: a Blender program.

    Raises
    ------
    EiferError
        For a choice that is not known, or when there is no Blender here.
    """
    for name in given:
        if name not in _DEFAULTS:
            raise EiferError(
                f"A render has no choice '{name}'.", f"Choose among {', '.join(_DEFAULTS)}."
            )
    chosen = _DEFAULTS | dict(given)
    if chosen["style"] not in STYLES:
        raise EiferError(
            f"'{chosen['style']}' is no kind of render.", f"Choose among {', '.join(STYLES)}."
        )
    if chosen["engine"] not in {"workbench", "cycles"}:
        raise EiferError(
            f"The render engine '{chosen['engine']}' is not known.", "Use workbench or cycles."
        )
    if not isinstance(chosen["size"], int) or not 16 <= chosen["size"] <= 16384:
        raise EiferError(
            f"A picture of {chosen['size']} pixels cannot be rendered.", "Give 16 to 16384."
        )
    chosen["blender"] = chosen["blender"] or _this_blender()
    if not chosen["blender"] and importlib.util.find_spec("bpy") is None:
        raise EiferError(
            "Renders need Blender, and its Python module bpy is not installed here.",
            "Run it as 'blender --command eifer video …', or install bpy with pip.",
        )
    return chosen


def _this_blender() -> str:
    """The program that runs this process, when that is Blender itself and not its module."""
    bpy = sys.modules.get("bpy")
    path = str(getattr(getattr(bpy, "app", None), "binary_path", "") or "")
    return path if path and Path(path).stem.lower().startswith("blender") else ""


def render_clip(path: Path, folder: Path, request: Request) -> dict[str, str]:
    """Make ``NAME.blend`` and ``NAME.mp4`` of a clip whose track is in `folder`.

    Returns
    -------
    dict
        Names of the files in `folder`: "blend" and "render".

    Raises
    ------
    EiferError
        When Blender cannot do it, or ends without a word.
    """
    with tempfile.TemporaryDirectory(prefix="eifer-render-") as temporary:
        order, answer = Path(temporary) / "order.json", Path(temporary) / "answer.json"
        wanted = {
            "path": str(path), "folder": str(folder), "name": request.name, "head": request.head,
            "backend": request.backend, "options": request.options, "render": request.render,
            "answer": str(answer),
        }  # fmt: skip
        order.write_text(json.dumps(wanted), encoding="utf-8")
        words = _run(str((request.render or {}).get("blender", "")), order)
        try:
            said = json.loads(answer.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise EiferError(
                f"Blender ended while it rendered {request.name}: {words or 'without a word'}.",
                "Render the track by hand: its folder holds track.npz.",
            ) from error
    if "cause" in said:
        raise EiferError(said["cause"], said["remedy"])
    files: dict[str, str] = said["files"]
    return files


def _run(blender: str, order: Path) -> str:
    """Run Blender on an order and give its last words; it ends when this process does."""
    if blender and Path(blender).exists():
        command = [blender, "-b", "--factory-startup", "--python-expr", _code(order)]
        environment = dict(os.environ)
    else:
        command = [sys.executable, "-P", str(_ENTRY), "scene.batch_render", str(order)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(_search_path())}
    with tempfile.TemporaryFile() as said:
        # The pipe stays open as long as this process lives, which is how the other one knows.
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, env=environment
        ) as process:
            process.wait()
        said.seek(max(0, said.seek(0, os.SEEK_END) - _LAST_WORDS))
        lines = said.read().decode("utf-8", "replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _search_path() -> list[str]:
    """Where Python looks for modules, without Blender's own, which hide the module bpy."""
    return [
        place for place in sys.path
        if place and not (Path(place).parent.name == "scripts" and (Path(place) / "bpy").is_dir())
    ]  # fmt: skip


def _code(order: Path) -> str:
    """What a Blender program runs: this package under its own name, then the order."""
    return "\n".join([
        "import runpy, sys",
        f"sys.path += [place for place in {_search_path()!r} if place not in sys.path]",
        f"sys.argv = ['entry.py', 'scene.batch_render', {str(order)!r}]",
        f"runpy.run_path({str(_ENTRY)!r}, run_name='__main__')",
    ])  # fmt: skip
