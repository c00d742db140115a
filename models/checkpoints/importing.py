"""An official checkpoint becomes a checked ONNX file in the user's folder."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...eifer_addon.errors import EiferError
from ...eifer_addon.files import atomic_path, models_folder
from ...eifer_addon.progress import OnProgress
from ...eifer_addon.version import software_version
from ..cards import ModelCard
from ..reconstructors.base import Reconstructor
from ..reconstructors.installed import BACKEND_KEY
from ..reconstructors.registry import get_reconstructor
from .building import Built, builder
from .export import check_against_torch, to_onnx
from .packages import need
from .reading import Checkpoint, check_file, read_checkpoint

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: Steps of which progress tells.
_STEPS = 5


@dataclass(frozen=True)
class Imported:
    """What an import made.

    Attributes
    ----------
    path : pathlib.Path
        The ONNX file.
    card : ModelCard
    sha256 : str
        Of the ONNX file.
    difference : float
        The largest difference between ONNX and torch on pictures of noise.
    left_out : tuple of str
        Parts of the checkpoint that are not needed.
    """

    path: Path
    card: ModelCard
    sha256: str
    difference: float
    left_out: tuple[str, ...]


def import_checkpoint(
    backend: str,
    checkpoint: str | Path,
    *,
    name: str | None = None,
    out: str | Path | None = None,
    module: str = "",
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> Imported:
    """Read a checkpoint, build its network, export it, check it, and keep it.

    Parameters
    ----------
    backend : str
        Name of the reconstructor, for example ``"smirk"``.
    checkpoint : path-like
        The official file.
    name : str, optional
        By which the model is called later; the back end's name by default.
    out : path-like, optional
        The ONNX file to write, instead of one in the user's folder.
    module : str
        Where a checkpoint holds several encoders (EIFER): which.
    overwrite : bool
        Whether a model of that name may be replaced.
    on_progress : callable, optional
        Called with the steps done and all.

    Returns
    -------
    Imported

    Raises
    ------
    EiferError
        When torch or timm is missing, the checkpoint is unsafe, damaged or another network's, its
        weights do not fit, ONNX differs from torch, or the file exists.
    """
    rules = get_reconstructor(backend)
    target = target_of(rules.name, name, out, overwrite=overwrite)

    def make(read: Checkpoint) -> tuple[Built, ModelCard]:
        built = _build(rules, read, module)
        return built, _card(rules, target.stem, read, built, module)

    return import_to(target, checkpoint, make, overwrite=overwrite, on_progress=on_progress)


def import_to(
    target: Path,
    checkpoint: str | Path,
    make: Callable[[Checkpoint], tuple[Built, ModelCard]],
    *,
    overwrite: bool,
    on_progress: OnProgress | None,
) -> Imported:
    """Read a checkpoint, make its network and card, export, compare with torch, and keep it."""
    tell = on_progress or (lambda _done, _total: None)
    check_file(Path(checkpoint))
    tell(0, _STEPS)
    for package in ("torch", "timm", "onnxruntime"):
        need(package)
    tell(1, _STEPS)
    read = read_checkpoint(checkpoint)
    tell(2, _STEPS)
    built, card = make(read)
    data = to_onnx(built.module, card)
    tell(3, _STEPS)
    model, difference = check_against_torch(data, built.module)
    tell(4, _STEPS)
    with atomic_path(target, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)
    tell(_STEPS, _STEPS)
    return Imported(target, card, model.sha256, difference, built.left_out)


def target_of(usual: str, name: str | None, out: str | Path | None, *, overwrite: bool) -> Path:
    """The file to write, before any work is done."""
    if name is not None and not _NAME.fullmatch(name):
        raise EiferError(
            f"'{name}' is no name for a model.", "Use letters, digits, dots and hyphens."
        )
    target = models_folder() / f"{name or usual}.onnx" if out is None else Path(out)
    if target.suffix.lower() != ".onnx":
        raise EiferError(f"{target} is no name for an ONNX file.", "Let it end in .onnx.")
    if not target.absolute().parent.is_dir():
        raise EiferError(f"The folder of {target} does not exist.", "Create it first.")
    if target.exists() and not overwrite:
        raise EiferError(
            f"There is a model {target} already.",
            "Import under another name (--name), or replace it (--force).",
        )
    return target


def _build(rules: Reconstructor, checkpoint: Checkpoint, module: str) -> Built:
    build = builder(rules.name)
    if "module" in inspect.signature(build).parameters:
        return build(checkpoint, module)
    if module:
        raise EiferError(f"A checkpoint of {rules.title} has one network only.", "Omit --module.")
    return build(checkpoint)


def _card(
    rules: Reconstructor, name: str, checkpoint: Checkpoint, built: Built, module: str
) -> ModelCard:
    torch, timm = need("torch"), need("timm")
    return ModelCard(
        name=name,
        kind="reconstructor",
        inputs=(),
        outputs=rules.outputs,
        space=rules.space,
        normalisation={
            BACKEND_KEY: rules.name, "input": "RGB in 0 to 1", "mean": [0, 0, 0], "std": [1, 1, 1],
            **({"module": module} if module else {}),
        },
        image_size=rules.image_size,
        licence=f"The user's own file, not for distribution: {rules.licence}",
        author=rules.citation,
        training_data="as in the publication",
        sources=(
            f"{checkpoint.path.name} sha256 {checkpoint.sha256}",
            f"exported by EIFER {software_version()} with torch {torch.__version__} "
            f"and timm {timm.__version__}",
            *(f"left out: {part}" for part in built.left_out),
        ),
    )  # fmt: skip
