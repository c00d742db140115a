"""The configuration of a training: YAML with defaults, and every mistake in it in one sentence.

What a network can be told is written once, in the YAML files beside this module, as the default
of every key with a comment. They are laid over each other: ``configs/base.yaml`` (what every
training has), ``configs/TASK.yaml``, ``configs/TASK.MODEL.yaml``, then the user's file, then
``--smoke``, then ``--set section.key=value``. A key that no default file names is refused, and so
is a value of another type than its default. No torch is needed here.

Besides the sections, a default file may hold

``rules``
    What the default's type does not tell, by dotted key: ``type`` (``integer``, ``number``,
    ``text``, ``word``, ``switch``, ``list``, ``mapping``; needed where the default is null, which
    then stays allowed), ``choices``, ``minimum``, ``maximum``.
``smoke``
    Values by dotted key that let the training end within a minute on a CPU.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...eifer_addon.errors import EiferError
from ...eifer_addon.files import atomic_path

#: What can be trained, and the network that is trained when no other is named.
TASKS = {"translator": "direct", "emg2exp": "causal", "exp2emg": "causal", "encoder": "landmark"}
SECTIONS = ("data", "model", "loss", "optimiser", "trainer", "export")
CONFIGS = Path(__file__).with_name("configs")
#: Beside the sections, in a user's file.
_PLAIN = ("task", "seed")
#: Beside the sections, in a file of defaults.
_META = ("rules", "smoke")
_TYPES: dict[str, tuple[type, ...]] = {
    "switch": (bool,), "integer": (int,), "number": (int, float), "text": (str,),
    "list": (list,), "mapping": (dict,), "word": (str, int),
}  # fmt: skip
_NAMED = {
    "switch": "true or false", "integer": "a whole number", "number": "a number", "text": "text",
    "list": "a list", "mapping": "a section of keys", "word": "a word or a whole number",
}  # fmt: skip
_REMEDY = "The keys, with their defaults, are in docs/training.md."


@dataclass(frozen=True)
class Config:
    """What is trained, on what, how long: complete, every key checked.

    Attributes
    ----------
    task : str
        One of `TASKS`.
    data, model, loss, optimiser, trainer, export : mapping
        The sections; every key of the default files is there, with its type.
        ``config.model["name"]`` says which network, ``config.data["batch_size"]`` is the batch of
        one device.
    seed : int
        Everything that is drawn follows from it.
    rules : mapping
        What was checked; kept so that :meth:`with_values` checks the same.
    """

    task: str
    data: Mapping[str, Any]
    model: Mapping[str, Any]
    loss: Mapping[str, Any]
    optimiser: Mapping[str, Any]
    trainer: Mapping[str, Any]
    export: Mapping[str, Any]
    seed: int = 0
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False, compare=False)

    def __getitem__(self, key: str) -> Any:
        """The value of a dotted key, as in ``config["loss.adversarial"]``."""
        found: Any = self.values()
        for part in key.split("."):
            if not isinstance(found, Mapping) or part not in found:
                raise EiferError(f"There is no setting named '{key}'.", _REMEDY)
            found = found[part]
        return found

    def values(self) -> dict[str, Any]:
        """Everything as plain dictionaries, as it is written to ``config.yaml``."""
        sections = {name: copy.deepcopy(dict(getattr(self, name))) for name in SECTIONS}
        return {"task": self.task, "seed": self.seed, **sections}

    def with_values(self, changes: Mapping[str, Any]) -> Config:
        """A copy with other values, by dotted key; checked like a file.

        Raises
        ------
        EiferError
            When there is no such key, or the value is of another type.
        """
        values = self.values()
        _lay(values, _nested(changes), self.rules, "The settings given")
        return replace(self, **values)


def load_config(
    task: str,
    file: str | Path | None = None,
    overrides: Sequence[str] = (),
    *,
    smoke: bool = False,
    defaults: Mapping[str, Any] | None = None,
) -> Config:
    """The configuration of a training.

    Parameters
    ----------
    task : str
        One of `TASKS`.
    file : path-like, optional
        A YAML file with the keys that differ from the defaults.
    overrides : sequence of str
        ``section.key=value``, the value in YAML, as in ``"loss.adversarial=0"``.
    smoke : bool
        The size that only shows that everything runs.
    defaults : mapping, optional
        In place of the files ``TASK.yaml`` and ``TASK.MODEL.yaml``; for a network of one's own.

    Returns
    -------
    Config

    Raises
    ------
    EiferError
        For a file that cannot be read, an unknown key, a value of the wrong type or out of
        bounds: one sentence that names the key.
    """
    values, rules, small = _base(task), {}, {}
    given = _read(Path(file)) if file is not None else {}
    where = str(file) if file is not None else ""
    if given.get("task", task) != task:
        raise EiferError(
            f"{where} configures the training of '{given['task']}', not of '{task}'.",
            f"Run 'eifer train {given['task']} --config {where}'.",
        )
    set_by_hand = parse_overrides(overrides)
    layers = [_read(CONFIGS / "base.yaml")]
    layers += [dict(defaults)] if defaults is not None else _files_of(task, [given, set_by_hand])
    for layer in layers:
        rules.update(layer.get("rules", {}))
        small.update(layer.get("smoke", {}))
        _merge(values, {k: v for k, v in layer.items() if k not in _META})
    _lay(values, given, rules, where)
    if smoke:
        _lay(values, _nested(small), rules, "The smoke size")
    _lay(values, set_by_hand, rules, "--set")
    return Config(rules=rules, **values)


def parse_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    """``["loss.adversarial=0"]`` as ``{"loss": {"adversarial": 0}}``.

    Raises
    ------
    EiferError
        When one has no ``=`` or its value is not YAML.
    """
    flat: dict[str, Any] = {}
    for text in overrides:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise EiferError(
                f"'{text}' sets nothing.", "Write --set section.key=value, as in seed=3."
            )
        flat[key.strip()] = _parse(value, f"The value of --set {key.strip()}")
    return _nested(flat)


def save_config(config: Config, path: Path) -> None:
    """Write every value as YAML; the file can be given to ``--config`` again."""
    import yaml

    with atomic_path(path) as temporary:
        text = yaml.safe_dump(config.values(), sort_keys=False, allow_unicode=True)
        temporary.write_text(text, encoding="utf-8")


def read_config(path: Path, like: Config) -> dict[str, Any]:
    """The values of a ``config.yaml`` that :func:`save_config` wrote.

    Raises
    ------
    EiferError
        When it cannot be read, or holds keys that `like` has not.
    """
    values = like.values()
    _lay(values, _read(path), like.rules, str(path))
    return values


def differences(first: Mapping[str, Any], second: Mapping[str, Any], of: str = "") -> list[str]:
    """Dotted keys whose values differ."""
    found = []
    for key in sorted({*first, *second}):
        one, other = first.get(key), second.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += differences(one, other, f"{of}{key}.")
        elif one != other:
            found.append(f"{of}{key}")
    return found


def _base(task: str) -> dict[str, Any]:
    if task not in TASKS:
        raise EiferError(f"There is no training of '{task}'.", f"There are {', '.join(TASKS)}.")
    return {"task": task, "seed": 0, **{name: {} for name in SECTIONS}}


def _files_of(task: str, given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The default files of a task and of the network that is asked for."""
    general = CONFIGS / f"{task}.yaml"
    layers = [_read(general)] if general.is_file() else []
    model = TASKS[task]
    for layer in [*layers, *given]:
        section = layer.get("model")
        model = section.get("name", model) if isinstance(section, Mapping) else model
    special = CONFIGS / f"{task}.{model}.yaml"
    if special.parent == CONFIGS and special.is_file():
        return [*layers, _read(special)]
    known = sorted(file.stem.partition(".")[2] for file in CONFIGS.glob(f"{task}.*.yaml"))
    if known or not layers:
        raise EiferError(
            f"model.name is '{model}', and there is no {task} network of this name.",
            f"There are {', '.join(known)}." if known else "Update the add-on.",
        )
    return layers


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise EiferError(f"The configuration {path} does not exist.", "Check the path.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise EiferError(
            f"The configuration {path} cannot be read as text.", "Choose a YAML file."
        ) from error
    values = _parse(text, f"The configuration {path}")
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise EiferError(f"The configuration {path} holds no keys.", _REMEDY)
    return values


def _parse(text: str, what: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise EiferError(
            "The Python package pyyaml is not installed.", "Run 'pip install pyyaml'."
        ) from error
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark is not None else ""
        raise EiferError(f"{what} is not valid YAML{place}.", "Mend it.") from error


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys as dictionaries in dictionaries."""
    out: dict[str, Any] = {}
    for key, value in flat.items():
        *above, last = str(key).split(".")
        place = out
        for part in above:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise EiferError(f"'{key}' is set twice, as a value and as a section.", _REMEDY)
        place[last] = value
    return out


def _merge(values: dict[str, Any], layer: Mapping[str, Any]) -> None:
    """Lay one file of defaults over those before it; it may bring keys of its own."""
    for key, value in layer.items():
        if isinstance(value, Mapping) and isinstance(values.get(key), dict):
            _merge(values[key], value)
        else:
            values[key] = copy.deepcopy(value)


def _lay(
    values: dict[str, Any], layer: Mapping[str, Any], rules: Mapping[str, Mapping[str, Any]],
    where: str, above: str = "",
) -> None:  # fmt: skip
    """Lay a user's values over the defaults, in place, and check them."""
    for key, value in layer.items():
        name = f"{above}{key}"
        if key not in values:
            raise EiferError(
                f"{where} has the unknown key '{name}'.", _suggestion(str(key), values, above)
            )
        default = values[key]
        if isinstance(default, dict) and default:
            if not isinstance(value, Mapping):
                raise EiferError(
                    f"{where} gives '{name}' the value {value!r}, but it is a section of keys.",
                    f"Its keys are {', '.join(map(str, default))}.",
                )
            _lay(default, value, rules, where, f"{name}.")
        else:
            values[key] = _checked(name, value, default, rules.get(name, {}), where)


def _suggestion(key: str, values: Mapping[str, Any], above: str) -> str:
    import difflib

    near = difflib.get_close_matches(key, [str(name) for name in values], 1)
    if near:
        return f"Perhaps '{above}{near[0]}' is meant."
    return f"There are {', '.join(f'{above}{name}' for name in values)}."


def _checked(name: str, value: Any, default: Any, rule: Mapping[str, Any], where: str) -> Any:
    """A value of the type that is wanted, or one sentence."""
    kind = str(rule.get("type") or _kind_of(default))
    if value is None and (default is None or rule.get("type")):
        return None
    if isinstance(value, str) and kind == "number":
        value = _number_in(value)
    if not _is(value, kind):
        raise EiferError(
            f"{where} gives '{name}' the value {value!r}, but it takes {_NAMED[kind]}.", _REMEDY
        )
    if isinstance(value, list) and isinstance(default, list) and default:
        inner = _kind_of(default[0])
        if not all(_is(item, inner) for item in value):
            raise EiferError(
                f"{where} gives '{name}' an item that is not {_NAMED[inner]}.", _REMEDY
            )
    _check_bounds(name, value, rule, where)
    return float(value) if kind == "number" and isinstance(default, float) else value


def _number_in(text: str) -> Any:
    """YAML 1.1 reads ``1e-3`` as text; a number is what everybody means."""
    try:
        return float(text)
    except ValueError:
        return text


def _kind_of(default: Any) -> str:
    for kind, types in _TYPES.items():
        if isinstance(default, types):
            return "number" if isinstance(default, float) else kind
    return "text"


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "switch"
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, _TYPES[kind])


def _check_bounds(name: str, value: Any, rule: Mapping[str, Any], where: str) -> None:
    choices = rule.get("choices")
    if choices is not None and value not in choices:
        raise EiferError(
            f"{where} gives '{name}' the value {value!r}.",
            f"It is one of {', '.join(map(str, choices))}.",
        )
    low, high = rule.get("minimum"), rule.get("maximum")
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = [f"at least {low}" if low is not None else "", f"at most {high}" if high else ""]
        raise EiferError(
            f"{where} gives '{name}' the value {value!r}, but it is "
            f"{' and '.join(filter(None, bounds))}.", "Change it.",
        )  # fmt: skip
