"""Pairs for the translator: what differs is said to be covered, and landmarks follow the face."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch_shim import torch_or_skip

from eifer.eifer_addon.video.landmarker import FaceLandmarker

torch = torch_or_skip()

from eifer.eifer_addon.heads.canonical import mirrored_landmarks  # noqa: E402
from eifer.models.training.direct import pairs  # noqa: E402
from eifer.models.training.direct.bank import Bank, make_bank  # noqa: E402
from eifer.models.training.direct.data import Pairs, Settings, collate  # noqa: E402


@pytest.fixture(scope="module")
def portrait(test_data: Path) -> pairs.Portrait:
    path = test_data / "images" / "faker_CC0" / "male" / "512" / "3.jpg"
    image = np.asarray(Image.open(path).convert("RGB").resize((512, 512)))
    return pairs.Portrait.of(image, FaceLandmarker().detect(image, max_faces=1)[0].landmarks)


def test_the_face_of_a_changed_portrait_lies_where_its_landmarks_say(
    portrait: pairs.Portrait,
) -> None:
    landmarker = FaceLandmarker()
    for seed in (3, 5):
        image, points = pairs.view(portrait, np.random.default_rng(seed))
        face = landmarker.detect(image, max_faces=1, refine=1)[0]
        size = np.ptp(points[:, :2], axis=0).max()
        gap = np.linalg.norm(face.landmarks[:, :2] - points[:, :2], axis=1)
        assert gap.mean() < 0.04 * size


def test_what_is_not_covered_is_the_same_in_both_pictures(portrait: pairs.Portrait) -> None:
    found = 0
    for seed in range(5):
        pair = pairs.portrait_pair(portrait, np.random.default_rng(seed))
        assert pair.clean.shape == pair.occluded.shape == (pairs.SIZE, pairs.SIZE, 3)
        change = np.abs(pair.occluded.astype(int) - pair.clean).max(axis=-1)
        covered = pair.coverage > 20
        assert 0.005 < covered.mean() < 0.6
        assert change[covered].mean() > 20
        free = change[pair.coverage == 0]
        assert free.mean() < 8  # compression changes a little everywhere
        found += int(free.max() <= 8)
    assert found  # without compression nothing changes that is not covered


@pytest.fixture(scope="module")
def bank(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Bank:
    folder = tmp_path_factory.mktemp("portraits")
    source = test_data / "images" / "faker_CC0" / "female" / "512" / "4.jpg"
    shutil.copy(source, folder / "4.jpg")
    return make_bank(folder / "bank", [folder / "4.jpg"], 4, seed=2, workers=1)


def test_the_same_seed_makes_the_same_pairs_and_they_are_kept(bank: Bank, tmp_path: Path) -> None:
    folder = Path(bank.clean.filename).parent
    paths = [folder.parent / "4.jpg"]
    again = make_bank(tmp_path, paths, 4, seed=2, workers=1)
    assert np.array_equal(again.occluded, bank.occluded)
    other = make_bank(tmp_path, paths, 4, seed=3, workers=1)
    assert not np.array_equal(other.occluded, bank.occluded)
    stamp = (folder / "clean.npy").stat().st_mtime_ns
    make_bank(folder, paths, 4, seed=2, workers=1)
    assert (folder / "clean.npy").stat().st_mtime_ns == stamp


def test_landmarks_follow_the_turned_and_mirrored_picture() -> None:
    points = np.full((1, 478, 2), 100.0, np.float32)
    points[0, 33], points[0, 263] = (90, 140), (220, 150)
    clean = np.zeros((1, pairs.SIZE, pairs.SIZE, 3), np.uint8)
    clean[0, 137:144, 87:94, 0] = 255  # red at 33
    clean[0, 147:154, 217:224, 2] = 255  # blue at 263
    bank = Bank(clean, clean, np.zeros((1, pairs.SIZE, pairs.SIZE), np.uint8), points)
    sides = set()
    for seed in range(8):
        settings = Settings(bare=0.0, roll=0.3, zoom=0.2)
        example = Pairs([bank], seed, settings)[0]
        batch = collate([example])
        sides.add(example.change.mirrored)
        # What is named is the subject's side: mirrored, the other landmark lies there.
        for landmark, colour in ((33, 0), (263, 2)):
            name = mirrored_landmarks()[landmark] if example.change.mirrored else landmark
            x, y = batch.landmarks[0, name].int().tolist()
            patch = batch.clean[0, :, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
            assert patch[colour].mean() > 0.25
            assert patch[2 - colour].mean() < 0.2
    assert sides == {True, False}


def test_bare_pictures_have_to_stay_as_they_are(bank: Bank) -> None:
    settings = Settings(bare=1.0)
    batch = collate([Pairs([bank], 1, settings)[k] for k in range(4)])
    assert float(batch.coverage.max()) == 0
    assert float((batch.clean - batch.occluded).abs().mean()) < 0.02  # the camera's noise
    dressed = collate([Pairs([bank], 1, Settings(bare=0.0))[k] for k in range(4)])
    assert float(dressed.coverage.amax(dim=(1, 2, 3)).min()) > 0.9


def test_a_bank_is_read_in_the_same_way_for_the_same_ticket(bank: Bank) -> None:
    data = Pairs([bank, bank], 7)
    assert len(data) == 8
    first, again, later = (collate([data[key]]) for key in ((5, 2), (5, 2), (5, 3)))
    assert torch.equal(first.occluded, again.occluded)
    assert not torch.equal(first.occluded, later.occluded)
