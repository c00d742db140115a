"""MediaPipe's Face Landmarker with our own fit: the back end that comes with the add-on."""

from __future__ import annotations

from .base import Backend

BACKEND = Backend(
    name="mediapipe",
    title="MediaPipe and fit",
    space="arkit52",
    licence="Apache-2.0",
    citation="Kartynnik et al., Real-time facial surface geometry from monocular video, 2019",
)
