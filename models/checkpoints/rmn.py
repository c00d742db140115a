"""RMN's network out of its checkpoint: a classifier that judges faces, no reconstructor.

Pham, Vu and Tran, "Facial expression recognition using residual masking network", ICPR 2020.
ResNet34 with a small U-Net behind each of its four stages. The U-Net's answer, a softmax over
channels, says how much of each feature is added to itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...eifer_addon.errors import EiferError
from ...eifer_addon.progress import OnProgress
from ...eifer_addon.version import software_version
from ..cards import ModelCard
from .building import Built
from .importing import Imported, import_to, target_of
from .packages import need
from .reading import Checkpoint, load_strictly, some

if TYPE_CHECKING:
    import torch

NAME, TITLE, IMAGE_SIZE = "rmn", "RMN", 224
EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
#: Where the tensors lie in the official file, and what else is in it.
_PREFIX = "net."
#: Channels of the stages of ResNet34, and how many levels each one's U-Net has.
_STAGES = ((64, 4), (128, 3), (256, 2), (512, 1))
_CHECKPOINT = "Z_resmasking_dropout1_rot30_2019Nov30_13.32 (or pretrained_ckpt)"


def import_rmn(
    checkpoint: str | Path,
    *,
    name: str | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> Imported:
    """Make an ONNX file of the user's RMN checkpoint; parameters as of `import_checkpoint`.

    Raises
    ------
    EiferError
        When torch or timm is missing, the checkpoint is unsafe, damaged or another network's, or
        the file exists.
    """
    target = target_of(NAME, name, out, overwrite=overwrite)

    def make(read: Checkpoint) -> tuple[Built, ModelCard]:
        return build(read), _card(target.stem, read)

    return import_to(target, checkpoint, make, overwrite=overwrite, on_progress=on_progress)


def build(checkpoint: Checkpoint) -> Built:
    """RMN with the weights of a checkpoint: crops, RGB in [0, 1], to seven scores.

    Raises
    ------
    EiferError
        When the checkpoint is another network's, or anything in it is missing or unknown.
    """
    weights = checkpoint.part(_PREFIX)
    if "mask1.conv1.conv1.weight" not in weights:
        raise EiferError(
            f"{checkpoint.path.name} is no checkpoint of {TITLE} (it begins with "
            f"{some(checkpoint.tensors)}).",
            f"The official file is {_CHECKPOINT}, from github.com/phamquiluan.",
        )
    network = residual_masking()
    load_strictly(network, weights, f"{TITLE} in {checkpoint.path.name}")
    return Built(network.eval())


def residual_masking(device: str = "cpu") -> torch.nn.Module:
    """RMN's network (n, 3, 224, 224) to (n, 7), its weights yet to be filled."""
    with need("torch").device("meta"):
        network = _network()()
    filled: torch.nn.Module = network.to_empty(device=device)
    return filled


def _steps(channels: int, levels: int) -> list[tuple[int, int]]:
    """Channels that each of a U-Net's blocks takes and gives, on the way down and up."""
    width = [channels << level for level in range(levels + 1)]
    down = [*zip(width, width[1:], strict=False)]
    return down + [(wide, narrow) for narrow, wide in reversed(down)]


def _masking() -> Any:
    """The U-Net's class, by the checkpoint's parameter names."""
    torch = need("torch")
    nn = torch.nn
    need("timm")
    from timm.models.resnet import BasicBlock

    class Masking(torch.nn.Module):  # type: ignore[misc, name-defined]
        """A U-Net of some levels: down to 2^levels as many channels, and up again."""

        def __init__(self, channels: int, levels: int) -> None:
            super().__init__()
            self.levels = levels
            for k, (given, made) in enumerate(_steps(channels, levels), 1):
                across = nn.Conv2d(given, made, 1, bias=False)
                shortcut = nn.Sequential(across, nn.BatchNorm2d(made))
                # The checkpoint holds the shortcut twice: by itself, and as the block's.
                setattr(self, f"downsample{k}", shortcut)
                setattr(self, f"conv{k}", BasicBlock(given, made, downsample=shortcut))
                if levels < k < 2 * levels:
                    wider = nn.ConvTranspose2d(given, made, 2, 2)
                    up = nn.Sequential(wider, nn.BatchNorm2d(made), nn.ReLU())
                    setattr(self, f"up_pool{k}", up)

        def forward(self, values: Any) -> Any:
            seen = []
            for k in range(1, self.levels + 1):
                values = getattr(self, f"conv{k}")(values)
                seen.append(values)
                if k < self.levels:
                    values = nn.functional.max_pool2d(values, 2)
            seen.pop()
            for k in range(self.levels + 1, 2 * self.levels):
                values = torch.cat([getattr(self, f"up_pool{k}")(values), seen.pop()], dim=1)
                values = getattr(self, f"conv{k}")(values)
            return getattr(self, f"conv{2 * self.levels}")(values).softmax(dim=1)

    return Masking


def _network() -> Any:
    """The whole network's class."""
    torch, timm = need("torch"), need("timm")
    nn, masking = torch.nn, _masking()

    class ResidualMasking(torch.nn.Module):  # type: ignore[misc, name-defined]
        """ResNet34 with a mask behind each stage."""

        def __init__(self) -> None:
            super().__init__()
            whole = timm.create_model("resnet34", pretrained=False)
            self.conv1, self.bn1 = whole.conv1, whole.bn1
            for k, (channels, levels) in enumerate(_STAGES, 1):
                setattr(self, f"layer{k}", getattr(whole, f"layer{k}"))
                setattr(self, f"mask{k}", masking(channels, levels))
            self.fc = nn.Sequential(nn.Dropout(0.4), nn.Linear(_STAGES[-1][0], len(EMOTIONS)))

        def forward(self, image: Any) -> Any:
            values = self.bn1(self.conv1(image)).relu()
            values = nn.functional.max_pool2d(values, 3, 2, 1)
            for k in range(1, len(_STAGES) + 1):
                values = getattr(self, f"layer{k}")(values)
                values = values * (1 + getattr(self, f"mask{k}")(values))
            return self.fc(values.mean(dim=(2, 3)))

    return ResidualMasking


def _card(name: str, checkpoint: Checkpoint) -> ModelCard:
    torch, timm = need("torch"), need("timm")
    return ModelCard(
        name=name, kind="classifier", inputs=(), outputs=EMOTIONS, space="",
        normalisation={"input": "grey as RGB in 0 to 1", "network": NAME}, image_size=IMAGE_SIZE,
        licence="The user's own file, not for distribution: MIT",
        author="Pham, Vu and Tran, Facial expression recognition using residual masking network, "
        "ICPR 2020",
        training_data="as in the publication (FER2013)",
        sources=(
            f"{checkpoint.path.name} sha256 {checkpoint.sha256}",
            f"exported by EIFER {software_version()} with torch {torch.__version__} "
            f"and timm {timm.__version__}",
        ),
    )  # fmt: skip
