"""A few clips of one session: what a worker of a simulation does, on any machine."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...eifer_addon.errors import EiferError
from ...eifer_addon.files import write_error
from .mmm_writer import Wanted, write_clip
from .movements import FRAME_HZ
from .session import has_sensors, simulate_clip
from .subject import Subject, draw_subject

MODULE = "models.synthetic.simulate_job"


@dataclass(frozen=True)
class SimulateRequest:
    """What a job is, as it travels; JSON-serialisable with `as_job`.

    Attributes
    ----------
    name, run : str
        Of the job, and of the batch that asks.
    path : str
        The data set's folder, absolute.
    seed, index : int
        The subject.
    rec : str
        The session.
    clips : list of list
        ``[mode, task, seq]`` each.
    wanted : dict
        Of `Wanted`.
    key : dict
        What tells this simulation from another.
    """

    name: str
    run: str
    path: str
    seed: int
    index: int
    rec: str
    clips: list[list[Any]]
    wanted: dict[str, Any]
    key: dict[str, Any]

    def as_job(self) -> dict[str, Any]:
        """The request for the batch's engine."""
        return asdict(self) | {"module": MODULE}


def run_json(request: str) -> str:
    """Do a job for a worker: JSON in, JSON out, clips told to whoever watches the cluster."""
    from ...eifer_addon.video.batch_engine import tell_progress

    values = json.loads(request)
    values.pop("module", None)
    asked = SimulateRequest(**values)
    return json.dumps(run(asked, tell_progress(asked.name)))


def run(
    request: SimulateRequest, on_progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Simulate and write the clips; the report says what was made, or in a sentence what failed."""
    began, made = time.monotonic(), []
    report: dict[str, Any] = {
        "name": request.name, "host": socket.gethostname(), "state": "failed", "sentence": "",
    }  # fmt: skip
    try:
        root = Path(request.path)
        if not root.is_dir():
            raise EiferError(
                f"The process on {socket.gethostname()} does not see {root}.",
                "The folder must lie where all workers see it, under the same path.",
            )
        subject, wanted = draw_subject(request.seed, request.index), Wanted(**request.wanted)
        frame_of = _frames(subject, request.rec, wanted)
        for number, (mode, task, seq) in enumerate(request.clips, 1):
            clip = simulate_clip(subject, request.rec, mode, task, seq)
            done = write_clip(clip, root, wanted, request.key, frame_of)
            made.append({"clip": clip.name, "frames": done["frames"]})
            if on_progress is not None:
                on_progress(number, len(request.clips))
        report["state"] = "done"
    except EiferError as error:
        report["sentence"] = str(error)
    except OSError as error:
        report["sentence"] = str(write_error(Path(request.path), error))
    seconds = sum(one["frames"] for one in made) / FRAME_HZ
    return report | {
        "clips": made, "seconds": round(time.monotonic() - began, 3), "simulated_s": seconds
    }  # fmt: skip


def _frames(subject: Subject, rec: str, wanted: Wanted) -> Callable[..., Any] | None:
    """The renderer of a session, where films are wanted."""
    if not wanted.video:
        return None
    from .frames import FrameRenderer

    scheme = wanted.scheme if has_sensors(rec) else None
    renderer = FrameRenderer(subject, scheme, wanted.size, donning=int(rec[:-1]))
    return renderer.frame
