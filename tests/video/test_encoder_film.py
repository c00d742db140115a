"""The encoder over a film of a face under electrodes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from dotted_films import dotted_pictures
from film_writer import write_film

from eifer.eifer_addon import api
from eifer.models.synthetic.drawn_electrodes import draw_on_portrait


def test_a_face_under_sixty_electrodes_is_read_in_every_frame(
    test_data: Path, tmp_path: Path
) -> None:
    film = dotted_pictures(test_data, range(16, 32, 2))
    pairs = zip(film.clean, film.faces, strict=True)
    worn = [draw_on_portrait(image, face.landmarks, 60, seed=3).image for image, face in pairs]
    write_film(tmp_path / "plain.mp4", film.clean)
    write_film(tmp_path / "worn.mp4", worn)
    plain = api.video_to_expression(tmp_path / "plain.mp4", workers=1)
    first = api.video_to_expression(tmp_path / "worn.mp4", workers=1)
    found = api.video_to_expression(tmp_path / "worn.mp4", backend="encoder", workers=1)
    errors = [np.abs(one.coefficients - plain.coefficients).mean() for one in (first, found)]
    assert errors[1] < 0.6 * errors[0]
    assert (found.confidence > 0).all()
    assert found.provenance["backend"] == "encoder"
