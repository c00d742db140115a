"""Unpaired faces out of folders of films: both sides, their truth, and what is missing."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from torch_shim import torch_or_skip

from eifer.eifer_addon.errors import Cancelled, EiferError
from eifer.eifer_addon.files import set_user_folder
from eifer.eifer_addon.video.encode import VideoWriter
from eifer.eifer_addon.video.landmarker import FaceLandmarker
from eifer.models.training.config import Config, load_config
from eifer.models.training.progress import prepared, preparing

torch_or_skip()

from cycle_faces import faces  # noqa: E402

from eifer.models.training.cycle import crops as crops_module  # noqa: E402
from eifer.models.training.cycle.looking import Looking  # noqa: E402
from eifer.models.training.cycle.unpaired import UnpairedFaces, from_folders  # noqa: E402
from eifer.models.training.resume import Ticket  # noqa: E402

_COLUMNS = ("index", "pid", "rec", "mode", "task", "type", "sync_grade", "use", "video", "emg")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path) -> Iterator[None]:
    set_user_folder(tmp_path / "user")
    yield
    set_user_folder(None)


def _film(folder: Path, kind: str, name: str, pictures: np.ndarray) -> None:
    (folder / kind / "99_1").mkdir(parents=True, exist_ok=True)
    with VideoWriter(folder / kind / "99_1" / f"{name}.mp4", 30) as writer:
        for picture in pictures:
            writer.write(picture)


def _folder(at: Path, clips: dict[str, str], *, truth: bool = True) -> Path:
    """A folder with a clip of two frames for each name, of the type ``sensor`` or ``normal``."""
    # Fewer electrodes than a study wears: the landmark network has to see every face.
    person = faces(2, 2, count=16)
    rows = []
    for number, (task, kind) in enumerate(clips.items()):
        name = f"99_1_emotion_{number}_{task}"
        worn, bare = person.sensor[0], person.normal[0]
        _film(at, "video", name, worn.pictures if kind == "sensor" else bare.pictures)
        if kind == "sensor" and truth:
            assert worn.truth is not None
            _film(at, "video_noelec", name, worn.truth)
        rows.append((number, "99", "1", "emotion", task, kind, "0", "yes", "", ""))
    if truth:
        (at / "truth").mkdir()
    with (at / "MMM.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([_COLUMNS, *rows])
    return at


def _config(folder: Path, *given: str) -> Config:
    own = [f"data.folders=[{folder}]", "model.name=mc_cyclegan", "data.frames_per_clip=2"]
    own += ["data.look_through=none"]
    return load_config("translator", None, [*own, *given], smoke=True)


_CLIPS = {"happy": "sensor", "sad": "sensor", "angry": "normal"}


def test_a_folder_gives_both_sides_of_a_person_with_the_truth(tmp_path: Path) -> None:
    data = from_folders(_config(_folder(tmp_path / "sim", _CLIPS)))
    assert data.has_truth
    # A face of which the landmarker sees too little beneath electrodes is left out.
    assert 1 <= len(data.training) <= 2
    assert 1 <= len(data.validation) <= 2
    example = data.validation[0]
    assert example["sensor"].shape == (3, 64, 64)
    assert example["has_truth"]
    gap = np.abs(example["sensor"] - example["truth"]).mean(axis=0)
    cover = example["cover"][0] > 0
    assert 0.02 < cover.mean() < 0.6
    assert gap[cover].mean() > 5 * gap[~cover].mean()
    hull = example["sensor_hull"][0]
    assert 0.1 < hull.mean() < 0.6
    middle = example["sensor_points"].mean(axis=0)
    assert np.abs(middle - 32).max() < 6
    assert hull[int(middle[1]), int(middle[0])] == 1
    assert "1 for training, 1 for validation" in data.facts["split"]


def test_real_recordings_have_no_truth_and_films_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _config(_folder(tmp_path / "mmm", _CLIPS, truth=False))
    first = from_folders(config)
    assert not first.has_truth
    assert not first.validation[0]["has_truth"]

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a film was read again")

    monkeypatch.setattr(crops_module, "open_video", refuse)
    again = from_folders(config)
    assert np.array_equal(again.validation[0]["sensor"], first.validation[0]["sensor"])


def test_an_example_follows_from_seed_index_and_epoch(tmp_path: Path) -> None:
    # Fewer electrodes than a study wears: the landmark network has to see every face.
    person = faces(2, 2, count=16)
    data = UnpairedFaces([person], _config(tmp_path), varies=True)
    one, same, other = (data[Ticket(1, epoch)]["sensor"] for epoch in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    fixed = UnpairedFaces([person], _config(tmp_path), varies=False)
    assert np.array_equal(fixed[0]["sensor"], fixed[Ticket(0, 7)]["sensor"])


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        ({"happy": "sensor", "sad": "sensor"}, "no video without electrodes"),
        ({"happy": "normal", "sad": "normal"}, "no video with electrodes"),
    ],
)
def test_one_side_alone_is_one_sentence(
    tmp_path: Path, clips: dict[str, str], message: str
) -> None:
    with pytest.raises(EiferError, match=message):
        from_folders(_config(_folder(tmp_path / "half", clips, truth=False)))


def test_missing_videos_and_missing_faces_are_one_sentence(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "gone", _CLIPS, truth=False)
    for film in (folder / "video").rglob("*.mp4"):
        film.unlink()
    with pytest.raises(EiferError, match="have no video"):
        from_folders(_config(folder))
    grey = np.full((2, 64, 64, 3), 128, np.uint8)
    for number, task in enumerate(_CLIPS):
        _film(folder, "video", f"99_1_emotion_{number}_{task}", grey)
    with pytest.raises(EiferError, match="No face was found"):
        from_folders(_config(folder))


def test_too_few_frames_are_one_sentence(tmp_path: Path) -> None:
    config = _config(_folder(tmp_path / "few", _CLIPS), "data.minimum_frames=300")
    with pytest.raises(EiferError, match=r"have \d frames that can be used; at least 300"):
        from_folders(config)


def test_the_default_translator_shows_the_landmarks_faces_that_sixty_electrodes_hide() -> None:
    film, landmarker = faces(3, 1, count=60).sensor[0], FaceLandmarker()
    lost = {}
    for through in ("none", "default"):
        look, lost[through] = Looking(landmarker, through), 0
        for picture, points in zip(film.pictures, film.points, strict=True):
            look.film(worn=True)
            face = look(picture)
            away = 999.0 if face is None else np.abs(face.landmarks[:, :2] - points).mean()
            lost[through] += away > 6  # pixels of 320
    assert lost["none"] >= 2
    assert lost["default"] == 0
    assert look.key(worn=True)
    assert not look.key(worn=False)


def test_frames_without_a_face_are_counted_and_told(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "some", _CLIPS, truth=False)
    face = faces(2, 2, count=16).normal[0].pictures[0]
    _film(folder, "video", "99_1_emotion_2_angry", np.stack([face, np.full_like(face, 128)]))
    notes = from_folders(_config(folder)).notes
    assert "In 1 of 2 frames without electrodes no face was found; they are left out." in notes


def test_a_training_can_be_stopped_while_it_looks_for_faces(tmp_path: Path) -> None:
    def stop(_note: str) -> None:
        raise Cancelled("The training")

    config = _config(_folder(tmp_path / "long", _CLIPS, truth=False))
    with pytest.raises(EiferError, match="cancelled"), preparing(stop):
        from_folders(config)
    assert list(prepared(["a", "b"], "letters")) == ["a", "b"]
