"""A film and an EMG recording of one session become one track: where the film is covered, muscles.

Without files a session is simulated, in which a hand covers the mouth for a while and the face
leaves the picture. Offset and delay are found by the movements that both show, and the error
against the face that was simulated is printed for film, muscles and both together::

    python examples/fuse_video_and_emg.py fused.npz
    python examples/fuse_video_and_emg.py fused.npz film.npz session.edf mouth=0.8

The film is a track (`eifer video film.mp4 --out DIR` makes one) or a video; parts of the face that
electrodes cover in the whole film are named with the share that is covered.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from eifer import api
from eifer.eifer_addon.track import ExpressionTrack
from eifer.models.synthetic.physiology import simulate_recording

OFFSET_S, DELAY_S, FPS = 2.5, 0.07, 30.0


def simulated() -> tuple[ExpressionTrack, ExpressionTrack, object, np.ndarray]:
    """What the face did, what the film shows, the recording, and when the mouth is covered."""
    recording, activity = simulate_recording(duration_s=24.0, seed=7)
    face = api.emg_to_expression(activity)
    times = np.arange(0.0, 20.0, 1.0 / FPS)
    at = times + OFFSET_S - DELAY_S
    values = np.stack([np.interp(at, face.timestamps, c) for c in face.coefficients.T], axis=1)
    # The model knows the muscles, not how strongly this person's face answers them.
    chance = np.random.default_rng(7)
    values *= chance.uniform(0.5, 1.1, values.shape[1])
    seen = values + 0.02 * chance.standard_normal(values.shape)
    covered = ((times > 4) & (times < 7)) | ((times > 12) & (times < 14))
    mouth = [k for k, name in enumerate(face.space.coefficients) if name.startswith("mouth")]
    seen[np.ix_(covered, mouth)] = 0.1
    sure = np.where((times > 9) & (times < 10), 0.0, 0.95).astype(np.float32)
    truth = ExpressionTrack(face.space, values.astype(np.float32), times, np.ones_like(sure))
    film = ExpressionTrack(face.space, np.clip(seen, 0, 1).astype(np.float32), times, sure)
    return truth, film, recording, covered.astype(np.float64)


def main(out: str, film: str = "", session: str = "", *covered: str) -> None:
    """Fuse, save, and say how far the muscles explain the film."""
    truth = None
    if film:
        path = Path(film)
        track = api.read_track(path) if path.suffix == ".npz" else api.video_to_expression(path)
        recording = api.read_recording(session)
        occlusion = {
            part: float(share or 1) for part, _, share in (c.partition("=") for c in covered)
        }
    else:
        truth, track, recording, hidden = simulated()
        occlusion = {"mouth": hidden}
    activity = api.to_activity(recording)
    sync = api.synchronise(activity, track)
    print(sync.describe())
    emg = api.emg_to_expression(activity)
    fused = api.fuse(track, emg, sync=sync, occlusion=occlusion)
    notes = fused.provenance["fusion"]
    print(f"Delay {notes['delay_ms']} ms ({notes['delay']}), film {notes['share_of_film']:.0%}")
    if truth is not None:
        shift = truth.timestamps + OFFSET_S - DELAY_S
        alone = np.stack([np.interp(shift, emg.timestamps, c) for c in emg.coefficients.T], axis=1)
        for name, values in (("film", track.coefficients), ("muscles", alone),
                             ("both", fused.coefficients)):  # fmt: skip
            error = np.sqrt(np.mean((values - truth.coefficients) ** 2))
            print(f"RMS error of {name}: {error:.4f}")
    print(f"wrote {fused.save(out)}")


if __name__ == "__main__":
    if len(sys.argv) in (1, 3):
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
