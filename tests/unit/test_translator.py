"""The translator that comes with the add-on, on portraits that it was never trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.evaluation.portraits import (
    Portrait,
    covered_by,
    outcomes,
    read_portraits,
    structural_similarity,
    tables,
)
from eifer.eifer_addon.video.landmarker import FaceLandmarker
from eifer.eifer_addon.video.remove_blend import cut, face_region
from eifer.eifer_addon.video.remove_cleaner import FrameCleaner
from eifer.models.sessions import WEIGHTS
from eifer.models.synthetic.drawn_electrodes import draw_on_portrait
from eifer.models.synthetic.portraits import portrait_split
from eifer.models.translator import DEFAULT, Translator, load_translator


@pytest.fixture(scope="module")
def landmarker() -> FaceLandmarker:
    return FaceLandmarker()


@pytest.fixture(scope="module")
def translator() -> Translator:
    return load_translator()


@pytest.fixture(scope="module")
def unseen(test_data: Path, landmarker: FaceLandmarker) -> list[Portrait]:
    """Three portraits that were not trained on."""
    paths = sorted((test_data / "images" / "faker_CC0").rglob("*.jpg"))
    return read_portraits(portrait_split(paths)[2][4:40:12], landmarker)


def test_the_card_says_what_it_was_made_of_and_with_whose_eyes(translator: Translator) -> None:
    card = translator.model.card
    assert card.kind == "translator"
    assert card.image_size == 256
    assert "CC0" in card.training_data
    assert "MediaPipe" in card.training_data  # the loss is no independent judge
    assert card.training["command"].startswith("eifer train translator")
    assert card.training["split"]["test"] == 50
    assert DEFAULT.stat().st_size <= 10 << 20


def test_electrodes_are_found_where_they_are_and_nowhere_else(
    translator: Translator, unseen: list[Portrait]
) -> None:
    for portrait in unseen:
        region = face_region(portrait.face.landmarks)
        worn = draw_on_portrait(portrait.image, portrait.face.landmarks, 60, seed=5).image
        before, after = cut(portrait.image, region), cut(worn, region)
        _, (bare, coverage) = translator.clean(np.stack([before, after]))
        there = covered_by(before, after)
        found = coverage > 0.5
        assert (found & there).sum() > 0.85 * there.sum()
        assert (found & there).sum() / (found | there).sum() > 0.7
        assert (bare > 0.5).mean() < 0.01


def test_the_face_under_sixty_electrodes_is_read_as_without_them(
    translator: Translator, unseen: list[Portrait], landmarker: FaceLandmarker
) -> None:
    def new():  # type: ignore[no-untyped-def]
        cleaner = FrameCleaner(translator, landmarker)
        return lambda image: cleaner(image).image

    (table,) = tables(list(outcomes(unseen, new, landmarker, (60,), (5,))))
    values = table.values()
    assert values["restored_lost"] == 0
    assert values["restored_scores"] < 0.02
    assert values["restored_scores"] < 0.6 * values["worn_scores"]
    assert values["restored_smile"] < 0.1
    assert values["inside"] < 0.5 * values["inside_worn"]
    assert values["likeness_outside"] > 0.98


def test_pictures_do_not_depend_on_their_neighbours_in_a_batch(
    translator: Translator, unseen: list[Portrait]
) -> None:
    crops = np.stack([cut(p.image, face_region(p.face.landmarks)) for p in unseen])
    together, coverage = translator.clean(crops)
    alone, alone_coverage = translator.clean(crops[1:2])
    assert np.abs(together[1].astype(int) - alone[0]).max() <= 1
    assert coverage[1] == pytest.approx(alone_coverage[0], abs=1e-4)


def test_a_model_of_another_kind_is_refused() -> None:
    with pytest.raises(EiferError, match="'emg2exp', not 'translator'"):
        load_translator(WEIGHTS / "emg2exp_baseline.onnx")


def test_likeness_is_one_for_the_same_and_falls_with_noise() -> None:
    random = np.random.default_rng(1)
    picture = random.integers(60, 200, (40, 40, 3)).astype(np.uint8)
    assert structural_similarity(picture, picture).min() == pytest.approx(1)
    means = [
        structural_similarity(
            picture, np.clip(picture + random.normal(0, s, picture.shape), 0, 255).astype(np.uint8)
        ).mean()
        for s in (5, 20, 60)
    ]
    assert 1 > means[0] > means[1] > means[2]
