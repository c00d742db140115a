"""The user's own networks: where they lie, what they are, and finding the one for a back end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ...eifer_addon.errors import EiferError
from ...eifer_addon.files import models_folder, write_error
from ..cards import ModelCard
from ..sessions import WEIGHTS, Model, load_model, read_card
from .base import Reconstructor
from .registry import backends, get_reconstructor

#: In a card's normalisation: which reconstructor's rules the network needs.
BACKEND_KEY = "backend"
_SUFFIX = ".onnx"


@dataclass(frozen=True)
class Installed:
    """A network in the user's folder.

    Attributes
    ----------
    name : str
        The file's stem, by which it is called.
    path : pathlib.Path
    card : ModelCard or None
        None when the file cannot be used.
    problem : str
        Why it cannot be used, empty otherwise.
    """

    name: str
    path: Path
    card: ModelCard | None
    problem: str = ""

    @property
    def backend(self) -> str:
        """Name of the reconstructor whose rules it needs."""
        return "" if self.card is None else backend_of(self.card)


def backend_of(card: ModelCard) -> str:
    """Name of the reconstructor whose rules a card asks for, empty when it names none."""
    return str(card.normalisation.get(BACKEND_KEY, ""))


def installed(folder: Path | None = None) -> tuple[Installed, ...]:
    """The networks in the user's folder, by name; a damaged file is listed with its problem."""
    found = []
    for path in sorted((folder or models_folder()).glob(f"*{_SUFFIX}")):
        try:
            found.append(Installed(path.stem, path, read_card(path)))
        except EiferError as error:
            found.append(Installed(path.stem, path, None, str(error)))
    return tuple(found)


def brought() -> tuple[str, ...]:
    """Back ends whose network comes with the add-on."""
    known = (path.stem for path in sorted(WEIGHTS.glob(f"*{_SUFFIX}")))
    return tuple(name for name in known if name in backends())


def remove(name: str, folder: Path | None = None) -> Path:
    """Delete a network from the user's folder.

    Raises
    ------
    EiferError
        When there is none of that name, or the system refuses.
    """
    known = {one.name: one.path for one in installed(folder)}
    if name not in known:
        listed = ", ".join(known) or "none"
        raise EiferError(f"There is no imported model '{name}'.", f"Imported are: {listed}.")
    try:
        known[name].unlink()
    except OSError as error:
        raise write_error(known[name], error) from error
    return known[name]


def load_reconstructor(
    backend: str, model: str | Path | None = None
) -> tuple[Reconstructor, Model]:
    """A back end's rules and the user's network for it, ready to run.

    Parameters
    ----------
    backend : str
        Name of the back end.
    model : str or path-like, optional
        Name of an imported model, or an ONNX file that EIFER exported. None takes the imported
        model of the back end's name, then the one that comes with the add-on, or else the only
        one that was imported for it.

    Raises
    ------
    EiferError
        When none is imported, several are, or the file is damaged, unsafe, or another back end's.
    """
    rules = get_reconstructor(backend)
    path = _chosen(rules) if model is None else _named(str(model))
    loaded = load_model(path, kind="reconstructor")
    rules = _of_its_head(rules, loaded.card)
    _check(loaded, rules)
    return rules, loaded


def _of_its_head(rules: Reconstructor, card: ModelCard) -> Reconstructor:
    """The rules in the space of the head that a network was trained with.

    EIFER's encoder learns from renderings of any head of FLAME's layout, the user's or the open
    one; its numbers mean the same, in another basis.
    """
    layout = rules.space.partition(":")[2]
    if rules.name == "eifer" and card.space.partition(":")[2] == layout:
        return replace(rules, space=card.space)
    return rules


def _named(model: str) -> Path:
    imported = models_folder() / f"{model}{_SUFFIX}"
    is_name = Path(model).name == model and imported.is_file() and not Path(model).is_file()
    return imported if is_name else Path(model)


def _chosen(rules: Reconstructor) -> Path:
    usual = models_folder() / f"{rules.name}{_SUFFIX}"
    if usual.is_file():
        return usual
    if rules.name in brought():
        return WEIGHTS / f"{rules.name}{_SUFFIX}"
    fits = {one.name: one.path for one in installed() if one.backend == rules.name}
    if len(fits) == 1:
        return next(iter(fits.values()))
    if fits:
        raise EiferError(
            f"Several models were imported for {rules.title}: {', '.join(fits)}.",
            "Name one of them.",
        )
    raise EiferError(
        f"No checkpoint of {rules.title} has been imported.",
        f"Get {rules.checkpoint} from {rules.source}, and run "
        f"'eifer models import {rules.name} FILE'.",
    )


def _check(model: Model, rules: Reconstructor) -> None:
    """Refuse a network whose card does not fit the rules by which its numbers are read."""
    card, edge = model.card, rules.image_size
    asked = backend_of(card)
    if asked != rules.name:
        raise EiferError(
            f"{model.where} is a model for '{asked or 'no known back end'}', not '{rules.name}'.",
            f"Choose the back end '{asked}' or another file." if asked else "Import it again.",
        )
    wanted = (3, edge, edge)
    shape = model.input_shape
    if (
        card.outputs != rules.outputs
        or card.space != rules.space
        or card.image_size != edge
        or len(shape) != len(wanted) + 1
        or shape[1:] != wanted
    ):
        raise EiferError(
            f"The card of {model.where} does not fit {rules.title}: it names {len(card.outputs)} "
            f"outputs in '{card.space}' from pictures of {card.image_size} pixels, and "
            f"{len(rules.outputs)} in '{rules.space}' from {edge} are needed.",
            "Import the checkpoint again with this version.",
        )
