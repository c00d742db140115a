"""Learn how a subject's face moves, from a calibration recording and the track of its video.

``python examples/face_of_a_subject.py movements.edf video.mp4 STATUS video.npz S01.json``

The trigger on channel STATUS drove an LED in the video; ``video.npz`` is the video's expression
track. The track is laid onto the recording's clock by the LED, the electro-mechanical delay is
estimated, and rest, full effort and expression gains go into the profile.
"""

from __future__ import annotations

import sys

from eifer import api


def main(movements: str, video: str, trigger: str, track: str, profile: str) -> None:
    recording = api.read_recording(movements)
    sync = api.synchronise(recording, video, trigger=trigger)
    print(sync.describe())
    if sync.confidence < 0.5:
        sys.exit("Too uncertain to go on: name the LED's place, or synchronise in another way.")
    seen = api.shifted(api.read_track(track), sync)
    delay = api.estimate_delay(api.to_activity(recording), seen)
    print(delay.describe())
    found = api.calibrate(recording, track=seen)
    found.save(profile)
    print(found.describe())


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    main(*sys.argv[1:])
