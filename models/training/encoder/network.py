"""The encoder's networks: a crop with electrodes to landmarks, and these to ARKit scores.

Two trunks give the 478 landmarks: ``landmark`` starts from MediaPipe's own landmark network
(Apache-2.0), whose weights are then trained on; ``timm`` is any backbone of timm with a linear
layer, from random weights. The blendshape network behind them stays as it is, so that scores mean
the same as those of the clean pipeline.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import torch
from torch import Tensor, nn

from ....eifer_addon.errors import EiferError
from ....eifer_addon.heads.canonical import canonical_face
from ....eifer_addon.video import landmarker
from ...checkpoints.packages import declare_operators
from ...reconstructors.encoder import IMAGE_SIZE, N_LANDMARKS
from ..landmark_network import TfliteNetwork

#: Pixels of the crop per cm of the canonical face, which fills it as the crop rule has it.
_PIXELS_PER_CM = 9.0
#: The backbone's linear layer starts near no change of the mean face.
_SMALL = 1e-3


class LandmarkTrunk(TfliteNetwork):
    """MediaPipe's landmark network with weights that can be trained."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content, ("Identity",))
        for name, values in list(self.named_buffers()):
            delattr(self, name)
            self.register_parameter(name, nn.Parameter(values.clone()))

    def read(self, crops: Tensor) -> Tensor:
        """Landmarks (n, 478, 3) in pixels of crops (n, 3, 256, 256) in [0, 1]."""
        raw: Tensor = self(crops.permute(0, 2, 3, 1))[0]
        return raw.reshape(-1, N_LANDMARKS, 3)


class BackboneTrunk(nn.Module):
    """A backbone of timm and a linear layer.

    Parameters
    ----------
    name : str
        As timm has it, for example ``"mobilenetv3_small_100"``.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        declare_operators()
        import timm

        try:
            self.backbone = timm.create_model(name, pretrained=False, num_classes=0)
        except (RuntimeError, ValueError) as error:
            raise EiferError(
                f"timm has no backbone '{name}'.", "Name one that timm.list_models() lists."
            ) from error
        with torch.no_grad():
            width = self.backbone(torch.zeros(1, 3, IMAGE_SIZE, IMAGE_SIZE)).shape[1]
        self.places = nn.Linear(width, 3 * N_LANDMARKS)
        nn.init.normal_(self.places.weight, std=_SMALL)
        nn.init.zeros_(self.places.bias)
        self.register_buffer("mean_face", _mean_face(), persistent=False)

    def read(self, crops: Tensor) -> Tensor:
        """Landmarks (n, 478, 3) in pixels of crops (n, 3, 256, 256) in [0, 1]."""
        moved = self.places(self.backbone(2 * crops - 1)).reshape(-1, N_LANDMARKS, 3)
        return self.mean_face + IMAGE_SIZE * moved


def _mean_face() -> Tensor:
    """The canonical face in pixels of a crop; irises lie between the corners of the eyes."""
    face = torch.from_numpy(canonical_face()[0]).float() * torch.tensor([1.0, -1.0, -1.0])
    right, left = face[[33, 133]].mean(dim=0), face[[263, 362]].mean(dim=0)
    face = torch.cat([face, right.expand(5, 3), left.expand(5, 3)])
    low, high = face.amin(dim=0), face.amax(dim=0)
    pixels = (face - (low + high) / 2) * _PIXELS_PER_CM
    return pixels + torch.tensor([IMAGE_SIZE / 2, IMAGE_SIZE / 2, 0.0])


class Encoder(nn.Module):
    """What is exported: crops to rows of 52 ARKit scores and 3 × 478 landmark coordinates.

    Parameters
    ----------
    trunk : LandmarkTrunk or BackboneTrunk
    blendshapes : bytes
        tflite file of the blendshape network.
    """

    def __init__(self, trunk: LandmarkTrunk | BackboneTrunk, blendshapes: bytes) -> None:
        super().__init__()
        self.trunk = trunk
        self.blendshapes = TfliteNetwork(blendshapes).requires_grad_(False)
        table = Path(landmarker.__file__).parent / "data" / "blendshape_landmarks.json"
        self.subset = json.loads(table.read_text("utf-8"))["landmarks"]

    @classmethod
    def named(cls, name: str, backbone: str = "", task: str | Path | None = None) -> Encoder:
        """The encoder with a trunk: ``"landmark"`` or ``"timm"``."""
        if task is None:
            from ....eifer_addon.assets import asset_path

            task = asset_path("face_landmarker.task")
        with zipfile.ZipFile(task) as archive:
            scores = archive.read("face_blendshapes.tflite")
            if name != "landmark":
                return cls(BackboneTrunk(backbone), scores)
            return cls(LandmarkTrunk(archive.read("face_landmarks_detector.tflite")), scores)

    def read(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (n, 51), without the tongue's, and landmarks (n, 478, 3) in pixels."""
        points = self.trunk.read(crops)
        scores = self.blendshapes(points[:, self.subset, :2])[0].flatten(1)
        return scores[:, 1:], points

    def forward(self, crops: Tensor) -> Tensor:
        """Rows (n, 52 + 3 * 478) as `models.reconstructors.encoder.OUTPUTS` names them."""
        scores, points = self.read(crops)
        tongue = torch.zeros_like(scores[:, :1])
        return torch.cat([scores, tongue, points.flatten(1)], dim=1)
