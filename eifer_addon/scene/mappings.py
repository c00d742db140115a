"""Mapping tables: which name on somebody's rig takes which ARKit coefficients.

The presets lie in ``data/mappings`` as JSON; a user's own file has the same form. Nothing here
knows of Blender.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..spaces import ARKIT_NAMES

FORMAT_VERSION = 1
SHAPE_KEYS, PROPERTIES = "shape_keys", "properties"
_KINDS = (SHAPE_KEYS, PROPERTIES)
_FOLDER = Path(__file__).with_name("data") / "mappings"
_SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BREAKS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Target:
    """One shape key or property and what drives it.

    Attributes
    ----------
    name : str
        As in the table; the rig's own name may be spelled otherwise.
    sources : mapping of str to float
        Weight by ARKit name.
    gain, offset : float
        ``gain * sum(weight * coefficient) + offset``.
    clamp : tuple of float
        Lowest and highest value.
    aliases : tuple of str
        Other names that the target may have.
    unless : tuple of str
        Targets of the table; where one of them was found, this one is left out.
    """

    name: str
    sources: Mapping[str, float]
    gain: float = 1.0
    offset: float = 0.0
    clamp: tuple[float, float] = (0.0, 1.0)
    aliases: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()

    def values(self, coefficients: np.ndarray) -> np.ndarray:
        """Values (n_frames,) float32 of ARKit coefficients (n_frames, 52)."""
        total = np.full(len(coefficients), self.offset, np.float64)
        for source, weight in self.sources.items():
            total += self.gain * weight * coefficients[:, ARKIT_NAMES.index(source)]
        return np.clip(total, *self.clamp).astype(np.float32)


@dataclass(frozen=True)
class MappingTable:
    """A table of targets.

    Attributes
    ----------
    name, title : str
        For scripts and for people.
    kind : str
        ``"shape_keys"`` or ``"properties"``.
    targets : tuple of Target
    starts : tuple of str
        Beginnings of the maker's own names; what stands before one is dropped.
    """

    name: str
    title: str
    kind: str
    targets: tuple[Target, ...]
    starts: tuple[str, ...] = ()

    def as_document(self) -> dict[str, Any]:
        """What is stored as JSON, as :func:`table_of` takes it."""
        targets = {
            t.name: {"from": dict(t.sources), "gain": t.gain, "offset": t.offset,
                     "clamp": list(t.clamp), "aliases": list(t.aliases), "unless": list(t.unless)}
            for t in self.targets
        }  # fmt: skip
        return {
            "format_version": FORMAT_VERSION, "title": self.title, "kind": self.kind,
            "starts": list(self.starts), "targets": targets,
        }  # fmt: skip

    def match(self, names: Iterable[str]) -> dict[str, Target]:
        """The targets by the rig's own names, each name and each target once.

        Parameters
        ----------
        names : iterable of str
            Shape keys or properties of the rig; the exact spelling goes before others.
        """
        spellings: dict[str, str] = {}
        given = list(names)
        for name in given:
            for spelling in _spellings(name, self.starts):
                spellings.setdefault(spelling, name)
        found: dict[str, str] = {}
        taken: set[str] = set()
        for target in self.targets:
            for wanted in (target.name, *target.aliases):
                name = wanted if wanted in given else spellings.get(plain_name(wanted))
                if name is not None and name not in taken:
                    found[target.name] = name
                    taken.add(name)
                    break
        by_name = {target.name: target for target in self.targets}
        return {
            name: by_name[target]
            for target, name in found.items()
            if not set(by_name[target].unless) & set(found)
        }


def plain_name(name: str) -> str:
    """A name without case, separators and the form of its side.

    ``JawOpen``, ``jaw_open`` and ``jaw open`` give ``jawopen``; ``eyeBlink_L``, ``L_eyeBlink``
    and ``eyeBlinkLeft`` give ``eyeblinkleft``.
    """
    words = [word.lower() for word in _BREAKS.split(_CAMEL.sub(" ", name)) if word]
    if len(words) > 1 and words[-1] in _SIDES:
        words[-1] = _SIDES[words[-1]]
    elif len(words) > 1 and words[0] in _SIDES:
        words = [*words[1:], _SIDES[words[0]]]
    return "".join(words)


def _spellings(name: str, starts: tuple[str, ...]) -> list[str]:
    """Plain forms of a name, also without what stands before a dot (``blendShape1.jawOpen``).

    Names such as ``Face.M_F00_000_00_Fcl_MTH_A`` have more before them; `starts` says where the
    name proper begins.
    """
    _, dot, end = name.rpartition(".")
    forms = [name, end] if dot and len(end) > 2 and not end.isdigit() else [name]
    forms += [name[name.index(start) :] for start in starts if start in name]
    return [plain_name(form) for form in forms]


@functools.cache
def mapping_presets() -> tuple[MappingTable, ...]:
    """The tables that come with the add-on, ARKit first."""
    names = sorted((path.stem for path in _FOLDER.glob("*.json")), key=lambda n: (n != "arkit", n))
    return tuple(read_mapping(_FOLDER / f"{name}.json") for name in names)


def get_mapping(mapping: str | Path | MappingTable) -> MappingTable:
    """A preset by its name, or a table from the user's JSON file.

    Raises
    ------
    EiferError
        When there is neither.
    """
    if isinstance(mapping, MappingTable):
        return mapping
    for preset in mapping_presets():
        if preset.name == str(mapping):
            return preset
    if Path(mapping).suffix.lower() != ".json":
        listed = ", ".join(preset.name for preset in mapping_presets())
        raise EiferError(
            f"There is no mapping '{mapping}'.", f"Choose one of {listed}, or a JSON file."
        )
    return read_mapping(Path(mapping))


def read_mapping(path: Path) -> MappingTable:
    """Read a mapping table.

    Raises
    ------
    EiferError
        One sentence with the file and the target that is wrong.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise EiferError(f"The mapping {path} could not be read.", "Check the path.") from error
    except ValueError:
        text = ""
    return table_of(text, path.name)


def table_of(text: str, file: str) -> MappingTable:
    """A mapping table from its JSON text; `file` is named in errors and gives the table's name."""
    try:
        document = json.loads(text)
        version, kind = int(document["format_version"]), str(document["kind"])
        entries = dict(document["targets"])
    except (ValueError, KeyError, TypeError) as error:
        raise EiferError(
            f"{file} is not a mapping.",
            'It must hold "format_version", "kind" and "targets"; see docs/recordings.md.',
        ) from error
    if version > FORMAT_VERSION:
        raise EiferError(f"{file} needs a newer EIFER (mapping format {version}).", "Update.")
    if kind not in _KINDS:
        raise EiferError(f"{file} has the kind '{kind}'.", f"Use {' or '.join(_KINDS)}.")
    targets = tuple(_target(file, name, entry) for name, entry in entries.items())
    name = file.removesuffix(".json")
    starts = tuple(str(start) for start in document.get("starts", ()) if str(start))
    return MappingTable(name, str(document.get("title", name)), kind, targets, starts)


def _target(file: str, name: str, entry: Any) -> Target:
    try:
        sources = {str(key): float(value) for key, value in dict(entry["from"]).items()}
        low, high = (float(value) for value in entry.get("clamp", (0.0, 1.0)))
        target = Target(
            name, sources, float(entry.get("gain", 1.0)), float(entry.get("offset", 0.0)),
            (low, high), tuple(map(str, entry.get("aliases", ()))),
            tuple(map(str, entry.get("unless", ()))),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EiferError(
            f"{file}: the target '{name}' cannot be read.",
            'It must look like {"from": {"jawOpen": 1.0}, "gain": 1.0, "clamp": [0, 1]}.',
        ) from error
    for source in sources:
        if source not in ARKIT_NAMES:
            raise EiferError(
                f"{file}: the target '{name}' takes '{source}', which is no ARKit name.",
                "Use a name such as 'jawOpen'.",
            )
    numbers = [*sources.values(), target.gain, target.offset, low, high]
    if not np.isfinite(numbers).all() or low > high:
        raise EiferError(
            f"{file}: the target '{name}' has a number that cannot be.",
            "Use finite numbers, and a clamp from low to high.",
        )
    return target
