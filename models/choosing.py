"""Models by name: ours in ``weights``, and the user's own in their folder."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from ..eifer_addon.errors import EiferError
from ..eifer_addon.files import models_folder
from .cards import ModelCard
from .sessions import WEIGHTS, Model, load_model, read_card

_SUFFIX = ".onnx"
BASELINE = "baseline"
_ALIASES = {BASELINE: "emg2exp_baseline"}


@dataclass(frozen=True)
class Available:
    """A model that can be chosen.

    Attributes
    ----------
    name : str
        By which it is chosen.
    path : pathlib.Path
    card : ModelCard
    own : bool
        True for the user's.
    """

    name: str
    path: Path
    card: ModelCard
    own: bool


def available(kind: str, folder: Path | None = None) -> tuple[Available, ...]:
    """Models of a kind: ours, then the user's; files that cannot be used are left out.

    Parameters
    ----------
    kind : str
        One of `cards.KINDS`.
    folder : pathlib.Path, optional
        The user's folder.
    """
    found = [Available(p.stem, p, c, False) for p, c in _cards(WEIGHTS) if c.kind == kind]
    names = {one.name for one in found}
    users = _cards(folder or models_folder())
    found += [
        Available(p.stem, p, c, True) for p, c in users if c.kind == kind and p.stem not in names
    ]
    return tuple(found)


def _cards(folder: Path) -> list[tuple[Path, ModelCard]]:
    listed = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        card = _card(path, path.stat().st_mtime_ns)
        if card is not None:
            listed.append((path, card))
    return listed


@functools.lru_cache(maxsize=128)
def _card(path: Path, _changed: int) -> ModelCard | None:
    """The card of a file as it was at a time; panels ask often."""
    try:
        return read_card(path)
    except EiferError:
        return None


def model_path(name: str | Path, kind: str) -> Path:
    """The file of a model that is named or whose path is given.

    Raises
    ------
    EiferError
        When there is no such file and no model of that name.
    """
    path = Path(name)
    if path.suffix == _SUFFIX or path.is_file() or path.name != str(name):
        return path
    wanted = _ALIASES.get(str(name), str(name))
    listed = available(kind)
    for one in listed:
        if one.name == wanted:
            return one.path
    known = ", ".join(one.name for one in listed) or "none"
    raise EiferError(
        f"There is no {kind} model named '{name}'.", f"There are {known}; or give an ONNX file."
    )


def open_model(name: str | Path, kind: str) -> Model:
    """A model by name or path, ready to run.

    Raises
    ------
    EiferError
        When it is not there, of another kind, or cannot be used.
    """
    return load_model(model_path(name, kind), kind=kind)


@functools.cache
def built_in(name: str) -> Model:
    """One of our own models, read once."""
    return load_model(WEIGHTS / f"{name}{_SUFFIX}")


def is_named(model: str | Path) -> bool:
    """Whether a model was chosen by a name rather than by a file."""
    return Path(model).suffix != _SUFFIX and Path(model).name == str(model)
