"""A clip of a batch as a scene and as a film: ``python -P entry.py scene.batch_render ORDER.json``.

The .blend renders anywhere with ``blender -b NAME.blend -a``: keys, lights and camera are plain
Blender data, so neither the extension nor Python is needed on a render farm.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from PIL import Image

from ..errors import Cancelled, EiferError
from ..processes import Parent
from ..track import ExpressionTrack
from ..video.decode import PICTURES_HZ, open_video
from ..video.film import Frame
from . import headless, stage
from .controls import is_head
from .video_imports import VideoChoices
from .video_takes import write_video_take

_FRAMES = "//frames/"


def main(arguments: list[str]) -> int:
    """Make the files of an order; what came of it is written to the file that it names."""
    order = json.loads(Path(arguments[0]).read_text("utf-8"))
    parent = Parent()

    def go_on(_done: int, _total: int) -> None:
        if parent.ended.is_set():
            raise Cancelled("The render")

    answer: dict[str, Any]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            answer = {"files": make_clip(order, go_on)}
    except EiferError as error:
        answer = {"cause": error.cause, "remedy": error.remedy}
    with suppress(OSError):  # whoever asked is gone
        Path(order["answer"]).write_text(json.dumps(answer), encoding="utf-8")
    return 0


def make_clip(order: dict[str, Any], on_progress: Any = None) -> dict[str, str]:
    """Make ``NAME.blend`` and ``NAME.mp4`` beside a clip's track.

    Parameters
    ----------
    order : dict
        As `video_render.render_clip` writes it.
    on_progress : callable, optional
        Called with frames done and of all.

    Returns
    -------
    dict
        "blend" and "render": names in the clip's folder.
    """
    folder, name, wanted = Path(order["folder"]), order["name"], order["render"]
    track = ExpressionTrack.load(folder / "track.npz")
    clip = _Clip(Path(order["path"]), track, order)
    clip.build()
    blend = headless.save_blend(folder / f"{name}.blend")
    film = headless.render_film(
        bpy.context, folder / f"{name}.mp4", compose=clip.beside(wanted["style"]),
        time_zero=clip.zero, on_progress=on_progress,
    )  # fmt: skip
    return {"blend": blend.name, "render": film.name}


@dataclass
class _Clip:
    """A film, its track and the scene that is made of them."""

    path: Path
    track: ExpressionTrack
    order: dict[str, Any]
    zero: int = 1

    def build(self) -> None:
        """An empty file gets a head with the person's identity, the take, the film and lights."""
        track, wanted = self.track, self.order["render"]
        context = headless.empty_scene(PICTURES_HZ)
        head = self.order["head"]
        choices = VideoChoices(
            self.path.absolute(), frame_start=float(self.zero), backend=self.order["backend"],
            options={k: v for k, v in self.order["options"].items() if k not in _HERE},
            new_head=True, head_file=None if head is None else Path(head), match_rate=True,
            match_size=True, camera=track.camera is not None, render=wanted["style"] == "over",
        )  # fmt: skip
        write_video_take(context, track, choices)
        scene = context.scene
        obj = next(one for one in scene.objects if is_head(one))
        film_camera = scene.camera
        stage.prepare_stage(context, obj, wanted["engine"], self._size(wanted["size"]))
        if film_camera is not None:
            scene.camera = film_camera
        scene.render.film_transparent = wanted["style"] == "over"
        self._set_range(scene)
        scene.render.image_settings.file_format = "PNG"
        scene.render.filepath = f"{_FRAMES}{self.order['name']}_"

    def _size(self, longest: int) -> tuple[int, int]:
        """The picture's size: the film's shape, not larger than the film, even for H.264."""
        camera = self.track.camera
        width, height = (1, 1) if camera is None else (camera.width, camera.height)
        side = longest if camera is None else min(longest, max(width, height))
        scale = side / max(width, height)
        even = (max(16, 2 * round(edge * scale / 2)) for edge in (width, height))
        first, second = even
        return first, second

    def _set_range(self, scene: bpy.types.Scene) -> None:
        """The scene is as long as the take."""
        rate = scene.render.fps / scene.render.fps_base
        first, last = (self.zero + float(self.track.timestamps[k]) * rate for k in (0, -1))
        scene.frame_start, scene.frame_end = int(np.floor(first + 1e-3)), int(np.ceil(last - 1e-3))
        scene.frame_end = max(scene.frame_end, scene.frame_start)
        scene.frame_set(scene.frame_start)

    def beside(self, style: str) -> Any:
        """A `compose` for `render_film` that puts the film's picture left of the avatar's."""
        if style != "beside":
            return None
        film = _Playing(self.path, self.order["options"].get("rate_hz"))

        def compose(picture: np.ndarray, seconds: float) -> np.ndarray:
            return np.concatenate([film.at(seconds, picture.shape), picture], axis=1)

        return compose


#: Options that say how the work is done and not what it gives.
_HERE = ("workers", "state")


class _Playing:
    """A film's pictures at times that only increase."""

    def __init__(self, path: Path, rate_hz: float | None) -> None:
        video = open_video(path, rate_hz=rate_hz or PICTURES_HZ)
        self._frames: Iterator[Frame] = video.frames(keep_going=True)
        self._shown = next(self._frames)
        self._next: Frame | None = next(self._frames, None)

    def at(self, seconds: float, shape: tuple[int, ...]) -> np.ndarray:
        """The picture that is shown at a time, in the height and the shape of another one."""
        while self._next is not None and self._next.timestamp_s <= seconds + 1e-3:
            self._shown, self._next = self._next, next(self._frames, None)
        image = Image.fromarray(self._shown.image)
        height = shape[0]
        width = max(2, round(image.width * height / image.height / 2) * 2)
        return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
