"""MediaPipe's own Face Landmarker in a process of its own: ``peer.py TASK OUT.npz image|video``.

Runs under another Python that has the package `mediapipe` (never under the add-on's: the package
looks a logging host up). Pictures come on standard input, each as width, height and time in ms,
three little-endian int64, and then its RGB bytes; the answer is one ``.npz``.
"""

from __future__ import annotations

import struct
import sys

import numpy as np

HEADER = struct.Struct("<3q")


def main(task: str, out: str, mode: str) -> None:
    """Read pictures until there are no more, then write what was found."""
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    running = vision.RunningMode.VIDEO if mode == "video" else vision.RunningMode.IMAGE
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=task), running_mode=running, num_faces=1,
        output_face_blendshapes=True,
    )  # fmt: skip
    points, scores, names = [], [], [""]
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        while len(head := sys.stdin.buffer.read(HEADER.size)) == HEADER.size:
            width, height, time_ms = HEADER.unpack(head)
            data = np.frombuffer(sys.stdin.buffer.read(width * height * 3), np.uint8)
            image = mediapipe.Image(
                image_format=mediapipe.ImageFormat.SRGB, data=data.reshape(height, width, 3).copy()
            )
            found = (
                landmarker.detect_for_video(image, time_ms)
                if mode == "video"
                else landmarker.detect(image)
            )
            place, score = np.full((478, 3), np.nan), np.full(52, np.nan)
            if found.face_landmarks:
                rows = found.face_landmarks[0]
                place = np.array([[p.x * width, p.y * height, p.z * width] for p in rows])
                names = [c.category_name for c in found.face_blendshapes[0]]
                score = np.array([c.score for c in found.face_blendshapes[0]])
            points.append(place)
            scores.append(score)
    np.savez(out, landmarks=np.array(points), scores=np.array(scores), names=np.array(names))


if __name__ == "__main__":
    main(*sys.argv[1:4])
