"""Landmarks and electrodes of the built head."""

from __future__ import annotations

from pathlib import Path

from ...video.landmarker import FaceLandmarker
from ..electrodes import place_electrodes
from ..landmarks import find_landmarks
from ..model import HeadModel


def with_points(head: HeadModel, landmarker: Path) -> HeadModel:
    """The head with its 478 landmarks, found on drawings of it, and its electrodes.

    Parameters
    ----------
    head : HeadModel
    landmarker : pathlib.Path
        `face_landmarker.task`.
    """
    # Without the cache: a build must not depend on what an earlier one left behind.
    landmarks = find_landmarks(head, FaceLandmarker(landmarker), use_cache=False)
    head = head.replace(landmarks=landmarks)
    return head.replace(electrodes=place_electrodes(head))
