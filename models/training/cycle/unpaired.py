"""Unpaired pictures: faces with electrodes (S) beside faces of the same person without them (N)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning
import numpy as np
from scipy.ndimage import maximum_filter
from torch.utils.data import DataLoader, Dataset

from ....eifer_addon.errors import EiferError
from ....eifer_addon.video.landmarker import FaceLandmarker
from ...reconstructors.base import square_to_crop
from ...reconstructors.warp import warp
from ..config import Config
from ..data_folders import (
    Clip,
    SessionClips,
    card_facts,
    check_frames,
    find_sessions,
    usable,
)
from ..data_folders_split import split
from ..progress import prepared
from ..resume import SeededSampler, Ticket, example_rng
from .crops import EDGE, SCALE, Crops, into_crop, read_crops
from .looking import Looking
from .mask import hull_mask

#: A pixel that differs from the truth by more than this share counts as covered.
_COVERED = 0.06
#: Crops that are only looked at are as wide as SMIRK's in the middle of its training.
_STEADY_CROP = 1.5


@dataclass(frozen=True)
class Faces:
    """The pictures of one person on both sides.

    Attributes
    ----------
    person : str
    sensor, normal : tuple of Crops
        With and without electrodes, a film each.
    """

    person: str
    sensor: tuple[Crops, ...]
    normal: tuple[Crops, ...]


class UnpairedFaces(Dataset[dict[str, np.ndarray]]):
    """Each picture with electrodes once, beside one of the same person without, drawn by chance.

    An example holds, for ``sensor`` and ``normal``: the picture (3, edge, edge) in 0 to 1,
    ``…_hull`` (1, edge, edge) of the landmarks and ``…_points`` (478, 2) in pixels; and of a
    simulated person ``truth``, ``cover`` (1, edge, edge) and ``has_truth``. Faces are not mirrored:
    a face's two sides differ, and a patient's all the more.

    Parameters
    ----------
    people : sequence of Faces
    config : Config
    varies : bool
        Whether crop and light vary, as in training.
    """

    def __init__(self, people: Sequence[Faces], config: Config, *, varies: bool) -> None:
        self._people, self._data, self._varies = list(people), config.data, varies
        self.size, self._seed = int(config.model["image_size"]), config.seed
        self._rows = [
            (which, film, row)
            for which, one in enumerate(self._people)
            for film, crops in enumerate(one.sensor)
            for row in range(len(crops))
        ]
        if not varies:  # spread over all films
            most = int(config.data["validation_frames"])
            chosen = np.linspace(0, len(self._rows) - 1, min(most, len(self._rows)))
            self._rows = [self._rows[k] for k in chosen.astype(int)]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, ticket: Ticket | int) -> dict[str, np.ndarray]:
        """One example; a `Ticket` says in which epoch, on which what is drawn depends."""
        index, epoch = ticket if isinstance(ticket, tuple) else (ticket, 0)
        random = example_rng(self._seed, index, epoch)
        which, film, row = self._rows[index]
        person = self._people[which]
        counts = np.cumsum([len(crops) for crops in person.normal])
        drawn = int(random.integers(counts[-1]))
        other = int(np.searchsorted(counts, drawn, side="right"))
        found: dict[str, np.ndarray] = {}
        sides = (
            ("sensor", person.sensor[film], row),
            (
                "normal",
                person.normal[other],
                drawn - int(counts[other] - len(person.normal[other])),
            ),
        )
        for side, crops, k in sides:
            found |= self._side(side, crops, k, random)
        return found

    def _side(
        self, side: str, crops: Crops, row: int, random: np.random.Generator
    ) -> dict[str, np.ndarray]:
        matrix = self._crop(random)
        gain, lift = 1 + self._light(random), self._light(random) / 2
        points = into_crop(crops.points[row], matrix)
        picture = self._cut(crops.pictures[row], matrix, gain, lift)
        found = {
            side: picture,
            f"{side}_hull": hull_mask(points, self.size)[None].astype(np.float32),
            f"{side}_points": points.astype(np.float32),
        }
        if side == "sensor":
            truth = picture
            if crops.truth is not None:
                truth = self._cut(crops.truth[row], matrix, gain, lift)
            covered = np.abs(picture - truth).max(axis=0) > _COVERED
            found["truth"] = truth
            found["cover"] = maximum_filter(covered, 3)[None].astype(np.float32)
            found["has_truth"] = np.array(crops.truth is not None)
        return found

    def _crop(self, random: np.random.Generator) -> np.ndarray:
        """The similarity (2, 3) from a kept crop to the network's."""
        scale, shift = _STEADY_CROP, np.zeros(2)
        if self._varies:
            scale = random.uniform(self._data["crop_least"], self._data["crop_most"])
            shift = random.uniform(-1, 1, 2) * self._data["shift"]
        edge = EDGE * scale / SCALE
        middle = (EDGE - 1) / 2 + shift * edge
        return square_to_crop(np.array([*middle, edge]), self.size)

    def _light(self, random: np.random.Generator) -> float:
        return float(random.uniform(-1, 1) * self._data["light"]) if self._varies else 0.0

    def _cut(self, picture: np.ndarray, matrix: np.ndarray, gain: float, lift: float) -> np.ndarray:
        values = warp(picture, matrix, self.size) / 255
        values = np.clip(gain * values + lift, 0, 1)
        return np.ascontiguousarray(values.transpose(2, 0, 1), np.float32)


class UnpairedData(lightning.LightningDataModule):
    """Training and validation examples of some people.

    Parameters
    ----------
    config : Config
    training, validation : sequence of Faces
    facts : mapping
        For the card.
    notes : sequence of str
        What was left out, in sentences.
    """

    def __init__(
        self,
        config: Config,
        training: Sequence[Faces],
        validation: Sequence[Faces],
        facts: Mapping[str, Any],
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.config, self.facts, self.notes = config, dict(facts), tuple(notes)
        self.training = UnpairedFaces(training, config, varies=True)
        self.validation = UnpairedFaces(validation, config, varies=False)
        self.has_truth = any(film.truth is not None for one in validation for film in one.sensor)

    def train_dataloader(self) -> DataLoader[dict[str, np.ndarray]]:
        """Examples in an order that the seed tells, without end."""
        sampler = SeededSampler(len(self.training), self.config.seed, tickets=True)
        return DataLoader(
            self.training, self.config.data["batch_size"], sampler=sampler, drop_last=True,
            num_workers=self.config.data["workers"],
        )  # fmt: skip

    def val_dataloader(self) -> DataLoader[dict[str, np.ndarray]]:
        """The same examples each time."""
        return DataLoader(
            self.validation, self.config.data["batch_size"],
            num_workers=self.config.data["workers"],
        )  # fmt: skip


def from_folders(config: Config) -> UnpairedData:
    """The data of MMM, MaM and simulator folders.

    The clips with electrodes are split; those without are the reference on both sides, of which
    nothing is predicted.

    Raises
    ------
    EiferError
        When there are no sessions, no videos, no reference without electrodes, or too few faces.
    """
    settings = config.data
    chosen = usable(find_sessions(settings["folders"]), ("video",), reference=True)
    reference = _clips(chosen.sessions, worn=False)
    people = {session.subject for session in reference}
    worn = [one for one in _clips(chosen.sessions, worn=True) if one.subject in people]
    parts = split(
        worn, settings["split_by"], config.seed,
        validation_share=settings["validation_share"], test_share=settings["test_share"],
    )  # fmt: skip
    looking = Looking(FaceLandmarker(), str(settings["look_through"]))
    reader = _Reader(int(settings["frames_per_clip"]), looking)
    reader.look_at([*parts.train, *parts.val, *reference])
    training, validation = (reader.people(side, reference) for side in (parts.train, parts.val))
    for side, of in ((training, "training"), (validation, "validation")):
        if not side:
            raise EiferError(
                f"No face was found in the videos for {of}, or none without electrodes.",
                "Check the videos, or add folders with --data.",
            )
    n_frames = sum(len(film) for one in training for film in (*one.sensor, *one.normal))
    check_frames(n_frames, settings["minimum_frames"], "The videos for training")
    facts = card_facts([*reference, *worn], parts.sentence)
    return UnpairedData(config, training, validation, facts, [*chosen.notes, *reader.notes()])


def _clips(sessions: Iterable[SessionClips], *, worn: bool) -> list[SessionClips]:
    """The sessions with only the clips with electrodes, or those without."""
    found = [
        replace(one, clips=tuple(clip for clip in one.clips if clip.wears_electrodes == worn))
        for one in sessions
    ]
    return [one for one in found if one.clips]


class _Reader:
    """Crops of clips; each film is looked at once."""

    def __init__(self, count: int, looking: Looking) -> None:
        self._count, self._looking = count, looking
        self._known: dict[Path, tuple[Crops, bool]] = {}

    def look_at(self, sessions: Sequence[SessionClips]) -> None:
        """Find the faces of all clips, telling how far it is."""
        clips = [(session, clip) for session in sessions for clip in session.clips]
        for session, clip in prepared(clips, "looking for faces, film"):
            self._crops(session, clip)

    def notes(self) -> list[str]:
        """How many frames show no face that is found, with electrodes and without."""
        found = []
        for is_worn, side in ((True, "with"), (False, "without")):
            films = [crops for crops, worn in self._known.values() if worn == is_worn]
            lost = sum(crops.lost for crops in films)
            total = lost + sum(len(crops) for crops in films)
            if lost:
                found.append(
                    f"In {lost} of {total} frames {side} electrodes no face was found; they are "
                    "left out."
                )
        return found

    def people(
        self, sessions: Sequence[SessionClips], reference: Sequence[SessionClips]
    ) -> list[Faces]:
        """The people of whom there are faces on both sides."""
        found = []
        for person in sorted({session.subject for session in sessions}):
            sides = [
                tuple(film for film in self._films(person, side) if len(film))
                for side in (sessions, reference)
            ]
            if all(sides):
                found.append(Faces(person, *sides))
        return found

    def _films(self, person: str, sessions: Sequence[SessionClips]) -> list[Crops]:
        return [
            self._crops(session, clip)
            for session in sessions
            if session.subject == person
            for clip in session.clips
        ]

    def _crops(self, session: SessionClips, clip: Clip) -> Crops:
        film = clip.files["video"]
        if film not in self._known:
            truth = truth_of(clip) if session.kind == "simulated" else None
            worn = clip.wears_electrodes
            crops = read_crops(film, self._count, self._looking, truth, worn=worn)
            self._known[film] = crops, worn
        return self._known[film][0]


def truth_of(clip: Clip) -> Path | None:
    """The film of a simulated clip without its electrodes."""
    if not clip.wears_electrodes:
        return None
    return clip.files.get("video_noelec") or clip.truth.get("clean") or clip.truth.get("mp4")
