"""Which EMG2Exp model a take is made with, as a list to choose from."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from ...models.choosing import available
from .recipes import Recipe, has_recipe, recipe_of

_KIND = "emg2exp"
#: What stands for an empty `Recipe.model`.
USUAL = "usual"
_TITLES = {
    "emg2exp_baseline": "Baseline",
    "emg2exp_fridlund": "Fridlund, per frame",
    "emg2exp_fridlund_causal": "Fridlund, causal",
    "emg2exp_kuramoto": "Kuramoto, per frame",
    "emg2exp_kuramoto_causal": "Kuramoto, causal",
}
_Item = tuple[str, str, str, str, int]
#: Blender keeps pointers to the strings of a list, so they have to live on.
_kept: dict[str, _Item] = {}


def model_items(settings: Any, _context: object) -> list[_Item]:
    """What can be chosen: the usual, ours, the user's, and what the take was made with."""
    items = [_item(USUAL, "Usual", "The profile's expression gains where there are some, else the "
                   "baseline")]  # fmt: skip
    for one in available(_KIND):
        words = f"{one.card.training_data or 'Your model'}; space {one.card.space}"
        items.append(_item(one.name, _TITLES.get(one.name, one.name), words))
    action = settings.id_data
    if has_recipe(action):
        made = identifier_of(recipe_of(action))
        if made not in {item[0] for item in items}:
            items.append(_item(made, Path(made).stem, f"What the take was made with: {made}"))
    return items


def _item(name: str, title: str, words: str) -> _Item:
    # The number tells an entry, however long the list grows.
    item = (name, title, words, "NONE", zlib.crc32(name.encode()) & 0x3FFFFFFF)
    if _kept.get(name) != item:
        _kept[name] = item
    return _kept[name]


def identifier_of(recipe: Recipe) -> str:
    """The entry of the list that stands for a recipe's model."""
    return recipe.model or USUAL


def model_of(identifier: str) -> str:
    """The recipe's model that an entry stands for."""
    return "" if identifier in ("", USUAL) else identifier
