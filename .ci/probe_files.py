"""Recordings and films for the probes in a real Blender: ``probe_files.py KIND FOLDER``.

A program of its own, which finds the modules in ``tests/`` through ``PYTHONPATH``.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from film_writer import write_film
from fused_session import make_session

from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.eifer_addon.signals.recording import Recording
from eifer.eifer_addon.track import ExpressionTrack
from eifer.eifer_addon.video.decode import open_video
from eifer.eifer_addon.video.landmarker import FaceLandmarker
from eifer.models.synthetic.drawn_electrodes import draw_on_portrait
from eifer.models.synthetic.emg_sessions import joined, joined_tracks
from eifer.models.synthetic.movements import session_clips
from eifer.models.synthetic.physiology import simulate_recording
from eifer.models.synthetic.session import simulate_clip
from eifer.models.synthetic.subject import draw_subject

ROOT = Path(__file__).resolve().parents[1]
#: The simulated person: nobody that a network of ours was trained on.
PERSON_SEED, PERSON = 2026, 3
#: The recording's time when the person's film begins, and what a tracker adds to the truth.
OFFSET_S, TRACKER_NOISE = 2.5, 0.01
FILM, FILM_FRAMES, ELECTRODES = "pyfeat_single_face.mp4", 48, 60


def recordings(folder: Path) -> None:
    """A good recording, one with faults, a long one, and a table that does not say its rate."""
    clean = simulate_recording(duration_s=20.0)[0]
    write_edf(clean, folder / "simulated.edf")
    samples = clean.data().copy()
    samples[5] = 0.0
    samples[8] += 3000 * np.sin(2 * np.pi * 50 * np.arange(samples.shape[1]) / clean.rate_hz)
    samples = np.vstack([samples, np.full(samples.shape[1], 36.5)])
    faulty = Recording.from_array(
        samples, clean.rate_hz, (*clean.channels, "Thermometer"), units=(*clean.units, "C"),
        events=clean.events, source=clean.source,
    )  # fmt: skip
    write_edf(faulty, folder / "session.edf")
    write_edf(simulate_recording(duration_s=240.0)[0], folder / "long.edf")
    short = simulate_recording(duration_s=2.0)[0]
    rows = [short.channels, *([f"{x:.3f}" for x in row] for row in short.data().T)]
    table = "\n".join(",".join(row) for row in rows)
    (folder / "no-rate.csv").write_text(table, encoding="utf-8")


def session(folder: Path) -> None:
    """The track of a film and the recording of the same session."""
    made = make_session(1, duration_s=25.0)
    write_edf(made.recording, folder / "together.edf")
    seen = {part: (1 - share).astype("f4") for part, share in made.occlusion.items()}
    replace(made.video, visibility=seen).save(folder / "film.npz")


def person(folder: Path) -> None:
    """One person of the simulator: movements and emotions as a recording and a film's track."""
    subject = draw_subject(PERSON_SEED, PERSON)
    clips = [
        simulate_clip(subject, "1S", c.mode, c.task, c.seq, bipolar=True)
        for c in session_clips(subject, "1S", free=1)
    ]
    recording, starts = joined([c.raw["fridlund"] for c in clips], [c.task for c in clips])
    write_edf(recording, folder / "person.edf")
    track = joined_tracks([c.track for c in clips], starts)
    filmed = track.timestamps >= OFFSET_S
    rng = np.random.default_rng(PERSON_SEED)
    seen = track.coefficients[filmed]
    seen = np.clip(seen + TRACKER_NOISE * rng.standard_normal(seen.shape), 0, 1).astype("f4")
    ExpressionTrack(
        track.space, seen, track.timestamps[filmed] - OFFSET_S, track.confidence[filmed],
        identity=subject.identity.astype("f4"), provenance={"simulated": True},
    ).save(folder / "person.npz")  # fmt: skip


def worn(folder: Path) -> None:
    """A film of a real face with drawn electrodes; nothing where the shared data is absent."""
    data = Path(os.environ.get("EIFER_TEST_DATA") or ROOT.parent / "shared" / "data")
    path = data / "video" / FILM
    if not path.is_file():
        return
    landmarker, face = FaceLandmarker(), None
    pictures, times = [], []
    for frame in open_video(path).frames(0, FILM_FRAMES):
        tracked = landmarker.track(frame.image, face) if face is not None else None
        face = tracked or landmarker.detect(frame.image, refine=1)[0]
        pictures.append(draw_on_portrait(frame.image, face.landmarks, ELECTRODES, seed=3).image)
        times.append(frame.timestamp_s)
    write_film(folder / "worn.mp4", pictures, times, options={"crf": "12", "preset": "veryfast"})


KINDS = {"recordings": recordings, "session": session, "person": person, "worn": worn}

if __name__ == "__main__":
    KINDS[sys.argv[1]](Path(sys.argv[2]))
