"""A simulated clip as files: MMM's folder layout, and the truth beside it.

What stands where: ``emg/`` (30 Hz envelopes by MMM's own chain), ``video/`` (with electrodes in a
session with sensors), ``video_noelec/`` (the same film without them), ``video_no-cut/`` if wanted,
``video_noelec_params/truth/`` (the coefficients as a table), and ``truth/``: the face and the
effort as ``.npz``, which pixels are covered, and the raw EMG as EDF. A file is whole or absent, and
``truth/…_clip.json``, written last, says that the clip is complete.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...eifer_addon.files import atomic_path, load_npz, make_folder, save_npz
from ...eifer_addon.signals.convert import envelopes_of_muscles
from ...eifer_addon.signals.edf_writer import write_edf
from ...eifer_addon.signals.recording import Recording
from ...eifer_addon.spaces import ARKIT_NAMES
from ...eifer_addon.track import ExpressionTrack
from ...eifer_addon.video.encode import VideoWriter
from .movements import FRAME_HZ
from .session import LEAD, SimulatedClip, has_sensors

SIZE = 286
#: Columns of MMM's EMG tables, in order, each once for ``_l`` and once for ``_r``, by the muscle's
#: name here. Their spelling in the data set is not published; readers take many.
EMG_COLUMNS: Mapping[str, str] = {
    "Corrugator Supercilii": "corrugator", "Depressor Ang. Oris": "depressor_anguli_oris",
    "Depressor Supercilii Procerus": "depressor_supercilii",
    "Lateraler Frontalis": "frontalis_lateralis", "Levator Labii Superioris": "levator_labii",
    "Masseter": "masseter", "Medialer Frontalis": "frontalis_medialis", "Mentalis": "mentalis",
    "Orbicularis Oculi": "orbicularis_oculi", "Orbicularis Oris": "orbicularis_oris",
    "Zygomaticus": "zygomaticus",
}  # fmt: skip
_SIDES = {"l": "left", "r": "right"}
_COVERAGE, _COVERAGE_VERSION = "coverage", 1
#: One thread of the encoder, so that a film has the same bytes on a machine with other cores.
_ENCODER_THREADS = 1


@dataclass(frozen=True)
class Wanted:
    """What of a clip is written.

    Attributes
    ----------
    scheme : str
        ``"fridlund"``, ``"kuramoto"`` or ``"both"``: the electrodes that are worn.
    video : bool
    raw : bool
        Raw EMG as EDF.
    uncut : bool
        ``video_no-cut/``.
    size : int
        Pixels of an edge of the films.
    """

    scheme: str = "both"
    video: bool = True
    raw: bool = True
    uncut: bool = False
    size: int = SIZE

    @property
    def schemes(self) -> tuple[str, ...]:
        """The schemes that are worn."""
        return ("fridlund", "kuramoto") if self.scheme == "both" else (self.scheme,)


@dataclass
class _Files:
    """Where files of a clip go, and which were written."""

    root: Path
    session: str
    name: str
    written: dict[str, str] = field(default_factory=dict)

    def path(self, kind: str, folder: str, ending: str) -> Path:
        """A file's path, whose folder is made, noted under `kind`."""
        where = Path(folder) / self.session / f"{self.name}{ending}"
        make_folder((self.root / where).parent)
        self.written[kind] = where.as_posix()
        return self.root / where


def planned_files(
    session: str, name: str, *, wears_electrodes: bool, wanted: Wanted
) -> dict[str, str]:
    """Every file that a clip gets, by kind, relative to the folder, without its last one."""
    ways = {"params": ("video_noelec_params/truth", "_params.csv.gz")}
    ways |= {"track": ("truth", "_track.npz"), "drive": ("truth", "_drive.npz")}
    if wears_electrodes:
        ways |= {} if "fridlund" not in wanted.schemes else {"emg": ("emg", ".csv")}
        if wanted.raw:
            ways |= {f"raw_{s}": ("truth", f"_{s}.edf") for s in wanted.schemes}
    if wanted.video:
        ways["video"] = ("video", ".mp4")
        if wears_electrodes:
            ways |= {
                "video_noelec": ("video_noelec", ".mp4"),
                "coverage": ("truth", "_coverage.npz"),
            }
        if wanted.uncut:
            ways["video_no-cut"] = ("video_no-cut", ".mp4")
    return {
        kind: (Path(folder) / session / f"{name}{ending}").as_posix()
        for kind, (folder, ending) in ways.items()
    }


def completion_path(root: Path, session: str, name: str) -> Path:
    """The file that says that a clip is complete."""
    return root / "truth" / session / f"{name}_clip.json"


def write_clip(
    clip: SimulatedClip,
    root: Path,
    wanted: Wanted,
    key: Mapping[str, Any],
    frame_of: Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]] | None = None,
) -> dict[str, Any]:
    """Write a clip's files.

    Parameters
    ----------
    clip : SimulatedClip
        With raw EMG where it is a clip with sensors.
    root : pathlib.Path
        The data set's folder.
    wanted : Wanted
    key : mapping
        What tells this simulation from another; kept in the last file.
    frame_of : callable, optional
        ``FrameRenderer.frame`` of the subject, where films are wanted.

    Returns
    -------
    dict
        ``files`` by kind, relative to `root`, and ``frames``.

    Raises
    ------
    EiferError
        When a file cannot be written.
    """
    files = _Files(root, f"{clip.subject.pid}_{clip.rec}", clip.name)
    wearing = has_sensors(clip.rec)
    if wearing:
        _write_emg(clip, files, wanted)
    if wanted.video and frame_of is not None:
        _write_films(clip, files, wanted, frame_of, wearing=wearing)
    _write_table(clip.track, files.path("params", "video_noelec_params/truth", "_params.csv.gz"))
    clip.track.save(files.path("track", "truth", "_track.npz"))
    clip.drive.save(files.path("drive", "truth", "_drive.npz"))
    done = {
        "format_version": 1, "key": dict(key), "frames": len(clip), "files": files.written,
        "events": [[round(e.onset_s, 4), e.name, round(e.duration_s, 4)] for e in clip.events],
    }  # fmt: skip
    with atomic_path(completion_path(root, files.session, clip.name)) as temporary:
        temporary.write_text(json.dumps(done, indent=1), encoding="utf-8")
    return done


def _write_emg(clip: SimulatedClip, files: _Files, wanted: Wanted) -> None:
    if "fridlund" in wanted.schemes:
        values = mmm_envelopes(clip.raw["fridlund"], len(clip))
        with atomic_path(files.path("emg", "emg", ".csv")) as temporary:
            temporary.write_text(emg_table(values), encoding="utf-8")
    for scheme in wanted.schemes if wanted.raw else ():
        write_edf(clip.raw[scheme], files.path(f"raw_{scheme}", "truth", f"_{scheme}.edf"))


def mmm_envelopes(recording: Recording, n_frames: int) -> dict[str, np.ndarray]:
    """Envelopes in µV (n_frames,) of each muscle with its side, by the chain of MMM.

    Pairs of Fridlund's scheme, notch of quality 2, FIR band-pass of 129 taps, RMS over 500 ms,
    Fourier-resampled to 30 Hz (Büchner and others 2025), which is the preset ``"mam"``.
    """
    montage, envelopes, _ = envelopes_of_muscles(recording, "mam", FRAME_HZ)
    if len(envelopes) < n_frames:  # a film has no frame that its EMG lacks
        spare = np.repeat(envelopes[-1:], n_frames - len(envelopes), axis=0)
        envelopes = np.concatenate([envelopes, spare])
    return dict(zip(montage.muscles, envelopes[:n_frames].T, strict=True))


def emg_table(values: Mapping[str, np.ndarray]) -> str:
    """MMM's table of a clip: an unnamed frame number and 22 columns in µV."""
    names = [f"{name}_{side}" for name in EMG_COLUMNS for side in _SIDES]
    columns = [
        values[f"{muscle}.{side}"] for muscle in EMG_COLUMNS.values() for side in _SIDES.values()
    ]
    rows = [
        f"{k}," + ",".join(f"{value:.4f}" for value in row)
        for k, row in enumerate(np.stack(columns, axis=1))
    ]
    return "\n".join(["," + ",".join(names), *rows, ""])


def _write_table(track: ExpressionTrack, path: Path) -> None:
    """Coefficients as MMM has MediaPipe's: one row per frame, one column per name, gzipped."""
    rows = [
        f"{k}," + ",".join(f"{value:.6f}" for value in row)
        for k, row in enumerate(track.coefficients)
    ]
    text = "\n".join(["," + ",".join(ARKIT_NAMES), *rows, ""])
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as stream:
        stream.write(text.encode())
    with atomic_path(path) as temporary:
        temporary.write_bytes(packed.getvalue())


def _write_films(
    clip: SimulatedClip,
    files: _Files,
    wanted: Wanted,
    frame_of: Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]],
    *,
    wearing: bool,
) -> None:
    """Every film of a clip, drawn once; and what the electrodes cover."""
    track, lead = (clip.uncut, LEAD) if wanted.uncut else (clip.track, 0)
    assert track.head_pose is not None
    covered = []
    with contextlib.ExitStack() as stack:

        def film(kind: str) -> VideoWriter:
            temporary = stack.enter_context(atomic_path(files.path(kind, kind, ".mp4")))
            return stack.enter_context(VideoWriter(temporary, FRAME_HZ, threads=_ENCODER_THREADS))

        cut = film("video")
        bare = film("video_noelec") if wearing else None
        uncut = film("video_no-cut") if wanted.uncut else None
        for number in range(len(track)):
            clean, worn, coverage = frame_of(
                track.coefficients[number], track.head_pose[number], number=number - lead + LEAD
            )
            if uncut is not None:
                uncut.write(worn)
            if not lead <= number < len(track) - lead:
                continue
            cut.write(worn)
            if bare is not None:
                bare.write(clean)
                covered.append(np.packbits(coverage, axis=1))
    if wearing:
        save_npz(
            files.path("coverage", "truth", "_coverage.npz"), _COVERAGE, _COVERAGE_VERSION,
            {"rows": np.array(covered)}, {"width": wanted.size},
        )  # fmt: skip


def read_coverage(path: str | Path) -> np.ndarray:
    """Which pixels of a clip's film electrodes cover, bool (n_frames, height, width).

    Raises
    ------
    EiferError
        When the file is missing, damaged or of another kind.
    """
    arrays, meta, _ = load_npz(path, _COVERAGE, _COVERAGE_VERSION)
    return np.unpackbits(arrays["rows"], axis=2, count=int(meta["width"])).astype(bool)


def stale_files(root: Path, session: str) -> Iterator[Path]:
    """What a job that was killed left of a session's files: hidden names of unfinished writes."""
    for folder in ("emg", "video", "video_noelec", "video_no-cut", "truth",
                   "video_noelec_params/truth"):  # fmt: skip
        place = root / folder / session
        if place.is_dir():
            yield from place.glob(f".{session}_*")
