"""What the muscles of a face did, told from a film, beside what electrodes measured.

Without files a person is simulated: the film's track is late by the electro-mechanical delay, as a
face is. Writes curves, numbers and the report page, and prints the agreement::

    python examples/muscles_from_video.py out
    python examples/muscles_from_video.py out film.mp4 session.edf

The film is a video or a track of any reconstructor; the recording may be left out. A fourth name is
a model of kind exp2emg; without it the one that comes with EIFER is used.
"""

from __future__ import annotations

import sys

import numpy as np

from eifer import api
from eifer.eifer_addon.signals.recording import Recording
from eifer.eifer_addon.track import ExpressionTrack
from eifer.models.synthetic.physiology import simulate_recording

DELAY_S, FPS = 0.08, 30.0


def simulated() -> tuple[ExpressionTrack, Recording]:
    """A film's track of a simulated person, and the recording of the same time."""
    recording, truth = simulate_recording(duration_s=20.0, rate_hz=1000.0, seed=3)
    face = api.emg_to_expression(truth, model="baseline")
    times = np.arange(0.0, 19.5, 1.0 / FPS)
    values = [np.interp(times - DELAY_S, face.timestamps, c) for c in face.coefficients.T]
    noise = 0.01 * np.random.default_rng(3).standard_normal((len(times), len(values)))
    seen = np.clip(np.stack(values, axis=1) + noise, 0.0, 1.0).astype(np.float32)
    about = {"simulated": True, "source": "simulated face"}
    sure = np.ones(len(times), np.float32)
    return ExpressionTrack(face.space, seen, times, sure, provenance=about), recording


def main(out: str, film: str = "", session: str = "", model: str = "") -> None:
    """Analyse, save, and tell the main numbers."""
    source: ExpressionTrack | str = film
    measured: Recording | str | None = session or None
    if not film:
        source, measured = simulated()
    found = api.analyse_muscles(source, measured, model or None)
    files = found.save(out, overwrite=True)
    sys.stdout.write(found.describe() + "\n")
    sys.stdout.writelines(f"{key}: {path}\n" for key, path in files.items())
    smile = next((m for m in found.comparison.movements if "smile" in m.name), None)
    if smile is not None:
        window = (smile.start_s, smile.stop_s)
        api.muscle_map(found.predicted, files["page"].with_name("smile.svg"), window=window,
                       titles=[smile.name], overwrite=True)  # fmt: skip


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["muscles_out"]))
