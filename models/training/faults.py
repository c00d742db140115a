"""What can go wrong while a network is trained, each in one sentence with what to do.

Nothing here imports torch: its errors are told apart by their names and words, so that the same
sentences serve the command line, Blender and the tests.
"""

from __future__ import annotations

import errno
import math
from collections.abc import Mapping
from pathlib import Path

from ...eifer_addon.errors import EiferError

#: Weights, optimiser and counters of the last and of the best moment.
LAST, BEST = "last.ckpt", "best.ckpt"
_INSTALL = "pip install torch torchvision lightning timm tensorboard pyyaml onnx onnxruntime"
_NO_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "alloc_failed")
_NO_DEVICE = (
    "cuda error", "cublas", "cudnn", "nccl", "hip error", "unspecified launch failure",
    "device-side assert", "device not ready", "no cuda gpus are available", "mps backend",
    "driver shutting down", "connection closed by peer",
)  # fmt: skip


class OtherTraining(EiferError):
    """The folder holds a training with other data or settings."""


def need_torch() -> None:
    """Import torch and Lightning, or say how to get them.

    Raises
    ------
    EiferError
        With the line for pip.
    """
    import importlib

    try:
        importlib.import_module("torch")
        # torchvision, which Lightning's metrics import, may be of another build than torch.
        packages = importlib.import_module("..checkpoints.packages", __package__)
        packages.declare_operators()
        importlib.import_module("lightning.pytorch")
    except ModuleNotFoundError as error:
        missing = (error.name or "torch").partition(".")[0]
        raise EiferError(
            f"Training needs the Python package {missing}, which is not installed.",
            f"Run '{_INSTALL}' with a Python from 3.11 on, and train with that Python.",
        ) from error
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EiferError(
            f"Training cannot load its packages: {first[:160].rstrip('.')}.",
            f"Install them again, all from the same source: '{_INSTALL}'.",
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory of the device or of the machine ran out."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    return isinstance(error, RuntimeError) and any(w in str(error).lower() for w in _NO_MEMORY)


def is_lost_device(error: BaseException) -> bool:
    """Whether the device, or another process that trains along, is gone."""
    if is_out_of_memory(error) or not isinstance(error, RuntimeError):
        return False
    named = type(error).__name__ in ("AcceleratorError", "DistBackendError", "DistNetworkError")
    return named or any(words in str(error).lower() for words in _NO_DEVICE)


def first_not_finite(losses: Mapping[str, float]) -> str | None:
    """The name of the first loss that is NaN or infinite; a part before the sum of all."""
    bad = [name for name, value in losses.items() if not math.isfinite(value)]
    return min(bad, key=lambda name: (name == "loss", name)) if bad else None


def not_finite(loss: str, value: float, step: int, kept: int | None) -> EiferError:
    """A loss that is not a number any more."""
    shown = "not a number" if math.isnan(value) else "infinite"
    name = loss.removeprefix("loss/")
    what = f"The loss '{name}'" if name != "loss" else "The loss"
    weight = f" or --set loss.{name} to less" if name != "loss" else ""
    return EiferError(
        f"{what} is {shown} at step {step}; the training stops. {_kept(kept)}",
        f"Set optimiser.learning_rate lower{weight}, and resume with the same command.",
    )


def weights_not_finite(step: int, kept: int | None) -> EiferError:
    """Weights that are not numbers any more, although the losses were."""
    return EiferError(
        f"The weights are not numbers any more at step {step}; the training stops. {_kept(kept)}",
        "Set optimiser.learning_rate or trainer.clip_gradient lower, and resume with the same "
        "command.",
    )


def no_memory(batch_size: int, kept: int | None) -> EiferError:
    """Memory runs out with a single example."""
    return EiferError(
        f"There is not enough memory even for batches of {batch_size}. {_kept(kept)}",
        "Train a smaller network or smaller pictures, or on a device with more memory.",
    )


def no_memory_in_one_of_many(batch_size: int, accumulate: int, kept: int | None) -> EiferError:
    """Memory runs out where several processes train together, which cannot change it alone."""
    return EiferError(
        f"A device ran out of memory with batches of {batch_size}. {_kept(kept)}",
        f"Resume with --batch-size {max(1, batch_size // 2)} --set trainer.accumulate="
        f"{2 * accumulate}, which trains the same.",
    )


def halved(batch_size: int, accumulate: int, step: int) -> str:
    """The note of a training that goes on with smaller batches."""
    return (
        f"memory ran out; it goes on from step {step} with batches of {batch_size}, and "
        f"{accumulate} of them per step, so that the result is the same"
    )


def lost_device(error: BaseException, step: int, kept: int | None) -> EiferError:
    """A device that failed or vanished."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return EiferError(
        f"The device failed after step {step}: {first[:160].rstrip('.')}. {_kept(kept)}",
        "Run the same command again to resume, with --set trainer.accelerator=cpu where no device "
        "is left.",
    )


def no_such_device(error: BaseException, accelerator: str) -> EiferError:
    """Devices that are asked for and not there, or settings of theirs that do not fit."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return EiferError(
        f"The training cannot use the accelerator '{accelerator}' as it is set: "
        f"{first[:160].rstrip('.!')}.",
        "Change --accelerator, --devices, --strategy or --precision; --accelerator cpu needs no "
        "device.",
    )


def wrong_checkpoint(path: Path, reason: str) -> EiferError:
    """A checkpoint that is damaged or of another network."""
    return EiferError(
        f"The checkpoint {path} cannot be used: {reason.rstrip('.')}.",
        "Begin anew with --fresh, or choose another --out.",
    )


def other_training(out: Path, keys: list[str]) -> OtherTraining:
    """A folder that holds a training with other settings."""
    shown = ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
    return OtherTraining(
        f"{out} holds a training with other settings: {shown}.",
        "Use the same settings to resume, --fresh to begin anew, or another --out.",
    )


def _kept(step: int | None) -> str:
    return (
        f"The checkpoint of step {step} is kept." if step is not None
        else "No checkpoint was made yet."
    )  # fmt: skip
