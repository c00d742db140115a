"""Tensors out of a checkpoint, without running any code that the file may hold.

`torch.load(weights_only=True)` builds tensors and plain containers and refuses everything else.
What training frameworks write beside the weights (settings as OmegaConf objects, say) is read
into inert placeholders, which hold what they are given and do nothing.
"""

from __future__ import annotations

import pickle
import struct
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ...eifer_addon.errors import EiferError
from ...eifer_addon.files import sha256_of
from .packages import need

if TYPE_CHECKING:
    import torch

#: EMOCA's checkpoint, the largest, holds its optimiser's state beside two ResNet50.
MAX_BYTES = 4 << 30
#: Everything that torch raises for damaged bytes, besides `pickle.UnpicklingError`.
_DAMAGE = (
    RuntimeError, ValueError, EOFError, OSError, KeyError, IndexError, TypeError, AttributeError,
    AssertionError, ImportError, OverflowError, struct.error, zipfile.BadZipFile,
)  # fmt: skip
#: Containers in containers, at most.
_MAX_DEPTH = 8
#: Objects of these packages stand for settings and are never needed.
_HARMLESS = ("omegaconf", "pytorch_lightning", "lightning", "pathlib", "yacs", "argparse", "typing")
#: FOCUS's authors save the network itself as Python objects of these classes. Stand-ins take their
#: place, of which only the parameters are kept; none of these classes is imported.
_LAYERS = frozenset({
    "encoder.encoder.FaceEncoder",
    "torchvision.models.resnet.ResNet", "torchvision.models.resnet.Bottleneck",
    *(
        f"torch.nn.modules.{name}"
        for name in (
            "conv.Conv2d", "batchnorm.BatchNorm2d", "activation.ReLU", "pooling.MaxPool2d",
            "pooling.AdaptiveAvgPool2d", "container.Sequential", "linear.Linear",
        )
    ),
})  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's tensors under flat names.

    Attributes
    ----------
    path : pathlib.Path
    sha256 : str
        Of the file.
    tensors : dict of str to torch.Tensor
        Nested dictionaries are joined by dots: ``{"E_flame": {"a": …}}`` gives ``E_flame.a``.
    """

    path: Path
    sha256: str
    tensors: Mapping[str, torch.Tensor] = field(repr=False)

    def part(self, prefix: str) -> dict[str, torch.Tensor]:
        """Tensors whose name begins with `prefix`, without it."""
        return {
            name.removeprefix(prefix): value
            for name, value in self.tensors.items()
            if name.startswith(prefix)
        }


def account(
    checkpoint: Checkpoint, used: Iterable[str], known: Mapping[str, str], title: str
) -> tuple[str, ...]:
    """Make sure that nothing in a checkpoint is overlooked.

    Parameters
    ----------
    checkpoint : Checkpoint
    used : iterable of str
        Beginnings of the names that went into the network.
    known : mapping of str to str
        Beginnings of names that are not needed, and what they are: ``{"D_detail.": "the decoder
        of wrinkles"}``.
    title : str
        The reconstructor's, for the sentence of an error.

    Returns
    -------
    tuple of str
        What was left out, in words.

    Raises
    ------
    EiferError
        For names that are neither.
    """
    used = tuple(used)
    strange = [name for name in checkpoint.tensors if not name.startswith((*used, *known))]
    if strange:
        raise EiferError(
            f"{checkpoint.path.name} holds {len(strange)} weights that {title} does not have "
            f"({some(strange)}).",
            "Use the official checkpoint, unchanged.",
        )
    present = {
        words
        for begin, words in known.items()
        if any(name.startswith(begin) for name in checkpoint.tensors)
    }
    return tuple(sorted(present))


class _Placeholder:
    """Stands for an object that is not wanted; takes what it is built from, does nothing."""

    def __init__(self, *_args: Any, **_named: Any) -> None:
        pass

    def __setstate__(self, _state: Any) -> None:
        pass


class _Layer(_Placeholder):
    """Stands for a part of a network; holds its parameters and its own parts by name."""

    held: Mapping[str, Any] = MappingProxyType({})

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, Mapping):
            parts = [state.get(name) for name in ("_parameters", "_buffers", "_modules")]
            found = (part.items() for part in parts if isinstance(part, Mapping))
            self.held = {str(name): value for pairs in found for name, value in pairs}


def read_checkpoint(path: str | Path, *, max_bytes: int = MAX_BYTES) -> Checkpoint:
    """Read a checkpoint's tensors.

    Parameters
    ----------
    path : path-like
        A file that `torch.save` wrote, in any of its formats.
    max_bytes : int
        Larger files, and files that unpack to more, are refused before they are read.

    Returns
    -------
    Checkpoint

    Raises
    ------
    EiferError
        When torch or the file is missing, or the file is too large, truncated, no checkpoint, or
        holds anything that would have to be run.
    """
    source = Path(path)
    check_file(source, max_bytes)
    torch = need("torch")
    with torch.serialization.safe_globals(_placeholders(torch, source)):
        content = _load(torch, source)
    tensors = dict(_flat(content, "", 0, torch.Tensor))
    if not tensors:
        raise EiferError(f"{source.name} holds no weights.", "Choose the official checkpoint.")
    return Checkpoint(source, sha256_of(source), tensors)


def load_strictly(module: torch.nn.Module, tensors: Mapping[str, torch.Tensor], where: str) -> None:
    """Fill a module; every parameter is needed, every tensor used, and every shape the same.

    Parameters
    ----------
    module : torch.nn.Module
    tensors : mapping of str to torch.Tensor
        Exactly the module's own names.
    where : str
        The file and the part of it, for the sentence of an error.

    Raises
    ------
    EiferError
        Naming what is missing, unexpected, of another shape or not a number.
    """
    wanted = module.state_dict()
    # Checkpoints of before 2018 do not count their batches, and nothing depends on it.
    missing = [
        key for key in wanted if key not in tensors and not key.endswith("num_batches_tracked")
    ]
    extra = [key for key in tensors if key not in wanted]
    shapes = [
        f"{key} ({_shape(tensors[key])} instead of {_shape(wanted[key])})"
        for key in wanted
        if key in tensors and tensors[key].shape != wanted[key].shape
    ]
    damaged = [
        key
        for key, value in tensors.items()
        if value.is_floating_point() and not value.isfinite().all()
    ]
    complaints = [
        f"{len(names)} {words} ({some(names)})"
        for names, words in (
            (missing, "missing"), (extra, "unexpected"), (shapes, "of another shape"),
            (damaged, "with values that are not numbers"),
        )
        if names
    ]  # fmt: skip
    if complaints:
        raise EiferError(
            f"The weights of {where} do not fit: {'; '.join(complaints)}.",
            "Use the official checkpoint, unchanged.",
        )
    filled = {key: tensors[key] if key in tensors else wanted[key] for key in wanted}
    module.load_state_dict(filled, strict=True)
    module.eval()


def some(names: Iterable[str], most: int = 3) -> str:
    """The first few names, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def _shape(tensor: torch.Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a number"


def check_file(path: Path, max_bytes: int = MAX_BYTES) -> None:
    """Refuse a file that is missing, too large or unpacks to too much, without opening it in torch.

    Raises
    ------
    EiferError
        Saying which.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            begin = stream.read(2)
        if begin == b"PK":
            with zipfile.ZipFile(path) as archive:
                size = max(size, sum(entry.file_size for entry in archive.infolist()))
    except FileNotFoundError as error:
        raise EiferError(f"The checkpoint {path} does not exist.", "Check the path.") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise EiferError(
            f"The checkpoint {path} cannot be read: {reason}.", "Choose another file."
        ) from error
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise _damaged(path) from error
    if size > max_bytes:
        raise EiferError(
            f"The checkpoint {path.name} is too large ({size >> 20} MB).",
            f"Checkpoints of up to {max_bytes >> 20} MB are accepted.",
        )


def _damaged(path: Path) -> EiferError:
    return EiferError(
        f"{path.name} is truncated or no checkpoint that torch wrote.",
        "Download the official checkpoint again.",
    )


def _placeholders(torch: Any, path: Path) -> list[tuple[type, str]]:
    """Inert classes for the settings in the file; refuses a file that names anything else."""
    try:
        named = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
    except (pickle.UnpicklingError, *_DAMAGE):
        return []  # an old format: whatever it names is refused when it is loaded
    foreign = [
        name for name in named if name.partition(".")[0] not in _HARMLESS and name not in _LAYERS
    ]
    if foreign:
        raise _hostile(path, some(sorted(foreign)))
    return [
        (type("_StandIn", (_Layer if name in _LAYERS else _Placeholder,), {}), name)
        for name in sorted(named)
    ]


def _hostile(path: Path, what: str) -> EiferError:
    return EiferError(
        f"{path.name} asks Python to run {what}, which weights never need, so it is refused.",
        "Use the official checkpoint from its authors' page.",
    )


def _load(torch: Any, path: Path) -> Any:
    try:
        with warnings.catch_warnings():  # torch warns of formats that it then refuses
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = str(error)
        if "Unsupported global" in found or "GLOBAL" in found:
            name = found.partition("GLOBAL ")[2].split(" ")[0] or "code of its own"
            raise _hostile(path, name) from error
        raise _damaged(path) from error
    except MemoryError as error:
        raise EiferError(f"There is not enough memory for {path.name}.") from error
    except _DAMAGE as error:
        raise _damaged(path) from error


def _flat(content: Any, prefix: str, depth: int, tensor: type) -> Iterable[tuple[str, Any]]:
    """Tensors of nested dictionaries under joined names; anything else is left out."""
    if isinstance(content, _Layer):
        content = content.held
    if isinstance(content, tensor):
        yield prefix, content
    elif isinstance(content, Mapping) and depth < _MAX_DEPTH:
        for key, value in content.items():
            if isinstance(key, str):
                yield from _flat(value, f"{prefix}.{key}" if prefix else key, depth + 1, tensor)
