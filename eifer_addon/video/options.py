"""What can be chosen when a video becomes an expression track."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import EiferError
from ..heads.electrodes import electrode_scheme

#: Whose face: "largest", "central", a person's number, or (frame, x, y) in pixels.
Who = str | int | tuple[int, float, float]
_OF_THE_MACHINE = frozenset({"workers", "state", "clean_film"})


@dataclass(frozen=True)
class VideoOptions:
    """Choices for `job.video_to_expression`; each has a default that suits a film of one face.

    Attributes
    ----------
    space : str or None
        Expression space of the result: None for `arkit52`, "own" for the head's own one, or a
        name.
    start, stop, step : int
        First frame, the one after the last (None: to the end), and every how-many-th frame.
    who : str, int or tuple
        Whose face; see `face_tracks.FaceTracks.choose`.
    max_faces : int
        How many faces are followed at once.
    fit : bool
        False gives the raw blendshapes of the network, for comparison.
    smoothing : float or None
        Passed to the fit; None is its default.
    electrodes : object
        An electrode scheme whose places are trusted less; passed to the fit. "remove" means
        `remove_electrodes`.
    fov_deg : float or None
        The camera's horizontal angle of view in degrees, where it is known.
    workers : int or None
        Processes; None is one for each core, 1 works in this process.
    state : str or None
        A folder in which the work is kept, so that it can go on after an interruption.
    model : str or None
        For a back end of the user's: the name of an imported model, or an ONNX file. None is the
        one that was imported for it.
    rate_hz : float or None
        Frames per second of an image sequence, which has no times of its own.
    keep_going : bool
        Leave damaged places out instead of stopping there.
    remove_electrodes : bool
        Read the film without the electrodes on the faces; see `remove_job`.
    translator : str or None
        The network that removes them, None for the one that comes with the add-on.
    clean_film : str or None
        An mp4 file that gets the film without electrodes, where they are removed.
    """

    space: str | None = None
    start: int = 0
    stop: int | None = None
    step: int = 1
    who: Who = "largest"
    max_faces: int = 4
    fit: bool = True
    smoothing: float | None = None
    electrodes: Any = None
    fov_deg: float | None = None
    workers: int | None = None
    state: str | None = None
    model: str | None = None
    rate_hz: float | None = None
    keep_going: bool = False
    remove_electrodes: bool = False
    translator: str | None = None
    clean_film: str | None = None

    @classmethod
    def of(cls, choices: Mapping[str, Any]) -> VideoOptions:
        """Options by name, also as they come out of JSON.

        Raises
        ------
        EiferError
            When there is no option of a name, or its value makes no sense.
        """
        known = {entry.name for entry in fields(cls)}
        for name in choices:
            if name not in known:
                raise EiferError(
                    f"A video has no option '{name}'.", f"Its options are {', '.join(known)}."
                )
        values = dict(choices)
        if isinstance(values.get("who"), list | tuple):
            values["who"] = _place(values["who"])
        if values.get("electrodes") == "remove":
            values |= {"electrodes": None, "remove_electrodes": True}
        for name in ("state", "model", "translator", "clean_film"):
            if isinstance(values.get(name), Path):
                values[name] = str(values[name])
        options = cls(**values)
        if options.workers is not None and options.workers < 1:
            raise EiferError(f"{options.workers} processes do no work.", "Give at least 1.")
        if options.start < 0 or options.step < 1:
            raise EiferError(
                f"Frames from {options.start} in steps of {options.step} are no range.",
                "Give a first frame from 0 and a step of at least 1.",
            )
        if options.max_faces < 1:
            raise EiferError(f"{options.max_faces} faces cannot be followed.", "Give at least 1.")
        _check_removal(options)
        _check_fit(options)
        return options

    def to_document(self) -> dict[str, Any]:
        """For JSON, with what differs from the defaults only."""
        plain = VideoOptions()
        return {
            name: value for name, value in asdict(self).items() if value != getattr(plain, name)
        }

    def to_provenance(self) -> dict[str, Any]:
        """What of the choices makes the result: none of the machine, its folders or its work."""
        told = {k: v for k, v in self.to_document().items() if k not in _OF_THE_MACHINE}
        for name in ("model", "translator"):
            if name in told:
                told[name] = Path(told[name]).name
        return told

    def as_json(self) -> str:
        """One line that is the same for the same choices."""
        return json.dumps(self.to_document(), sort_keys=True)


def _check_removal(options: VideoOptions) -> None:
    """What would be asked for in vain."""
    if options.remove_electrodes:
        return
    for name, what in (("clean_film", "A clean film"), ("translator", "A translator")):
        if getattr(options, name) is not None:
            raise EiferError(
                f"{what} is asked for, but no electrodes are to be removed.",
                "Let electrodes be removed (remove_electrodes), too.",
            )


def _check_fit(options: VideoOptions) -> None:
    """What the fit would refuse, before the networks have gone through a long film."""
    if options.smoothing is not None and not 0 <= options.smoothing < math.inf:
        raise EiferError(
            f"A film cannot be smoothed by {options.smoothing:g} s.", "Give 0 for none, or more."
        )
    if isinstance(options.electrodes, str):
        electrode_scheme(options.electrodes)
    if options.fov_deg is not None:
        from .fit_person import first_lens

        first_lens((1, 1), options.fov_deg)


def _place(values: Any) -> tuple[int, float, float]:
    try:
        frame, x, y = values
        return int(frame), float(x), float(y)
    except (TypeError, ValueError) as error:
        raise EiferError(
            f"{values} names no face.", "Give a frame number and x and y in pixels."
        ) from error
