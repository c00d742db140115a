"""Edits of activity and of tracks as JSON: read strictly, so that a slip in a name is told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import EiferError


def object_of(document: Mapping[str, Any] | str, title: str) -> dict[str, Any]:
    """A mapping, or JSON text of one, as a new dict.

    Raises
    ------
    EiferError
        For anything else; `title` ("The edits") begins the sentence.
    """
    try:
        return dict(json.loads(document) if isinstance(document, str) else document)
    except (ValueError, TypeError) as error:
        raise unreadable(title) from error


def unreadable(title: str) -> EiferError:
    """The sentence for what is no document of this kind."""
    return EiferError(f"{title} cannot be read.", "Give a JSON object.")


def known_values(
    document: Mapping[str, Any] | str,
    title: str,
    one: str,
    names: Iterable[str],
    tables: Iterable[str],
    version: int,
) -> dict[str, Any]:
    """The values of a document without its version, tables as dicts.

    Parameters
    ----------
    document : mapping or str
        Also as JSON text.
    title, one : str
        What it is called in sentences: "The edits", "An edit".
    names, tables : iterable of str
        What it may hold, and which of that are tables by name.
    version : int
        The newest format that is understood.

    Raises
    ------
    EiferError
        For text that is no JSON, a newer format, or unknown names.
    """
    values = object_of(document, title)
    try:
        if int(values.pop("format_version", version)) > version:
            raise EiferError(f"{title} can only be read by a newer EIFER.", "Update the add-on.")
        for name in tables:
            values[name] = dict(values.get(name, {}))
    except (ValueError, TypeError) as error:
        raise unreadable(title) from error
    known = list(names)
    for name in values:
        if name not in known:
            raise EiferError(f"{one} knows no '{name}'.", f"It knows: {', '.join(known)}.")
    return values
