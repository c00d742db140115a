"""Model cards: what an ONNX file takes and gives, stored in its metadata.

A card is read from the file's bytes and checked before a session is made, so that a model of
the wrong kind, rate or expression space is refused with one sentence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..eifer_addon.errors import EiferError

#: Key of the card in the ONNX metadata.
CARD_KEY = "eifer.card"
FORMAT_VERSION = 1
KINDS = ("classifier", "emg2exp", "exp2emg", "reconstructor", "translator")


@dataclass(frozen=True)
class ModelCard:
    """What a model takes and gives.

    Attributes
    ----------
    name : str
        Short name, also the file's stem.
    kind : str
        One of `KINDS`.
    inputs : tuple of str
        Channel names (muscles with side, or coefficients), or empty for images.
    outputs : tuple of str
        Names of the outputs, in order.
    space : str
        The expression space it gives or takes.
    rate_hz : float or None
        Frame rate it was made for; None when it works frame by frame at any rate.
    context : int
        Frames of history the model sees; 1 for a per-frame model.
    normalisation : mapping
        How inputs are scaled, for example ``{"input": "activity"}``.
    image_size : int or None
        Side of square image input in pixels.
    licence, author, training_data, metrics, sources
        Provenance.
    states : mapping of str to str
        Of a recurrent model: input that takes a state, and the output with its next value.
    training : mapping
        How it was made: seed, hours, steps, command, versions, split and hash of the data.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    space: str
    rate_hz: float | None = None
    context: int = 1
    normalisation: Mapping[str, Any] = field(default_factory=dict)
    image_size: int | None = None
    licence: str = ""
    author: str = ""
    training_data: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    format_version: int = FORMAT_VERSION
    states: Mapping[str, str] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """The card as JSON text."""
        values = asdict(self)
        for name in ("states", "training"):
            if not values[name]:  # then the card is what it was before there was such a thing
                del values[name]
        return json.dumps(values, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, where: str) -> ModelCard:
        """Read a card; `where` names the file in the sentence of an error."""
        try:
            values = json.loads(text)
            version = int(values["format_version"])
            if version > FORMAT_VERSION:
                raise EiferError(f"{where} needs a newer EIFER (card format {version}).", "Update.")
            for name in ("inputs", "outputs", "sources"):
                if not isinstance(values.get(name, []), list):
                    raise TypeError(f"'{name}' is not a list")
                values[name] = tuple(str(item) for item in values.get(name, []))
            for name in ("name", "kind", "space"):
                if not isinstance(values[name], str):
                    raise TypeError(f"'{name}' is not text")
            values["states"] = {str(k): str(v) for k, v in dict(values.get("states", {})).items()}
            card = cls(**values)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise EiferError(
                f"The model card of {where} is damaged: {error}.", "Export the model again."
            ) from error
        if card.kind not in KINDS:
            raise EiferError(f"{where} is of the unknown kind '{card.kind}'.", "Update.")
        return card

    def describe(self) -> str:
        """A few lines that a person can read."""
        return "\n".join(f"{key}: {value}" for key, value in asdict(self).items() if value)
