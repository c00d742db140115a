"""``eifer muscles``: what the muscles of a face did, told from a film, beside a measurement."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .. import api, exchange
from ..errors import EiferError
from ..muscle_analysis import MuscleAnalysis
from ..muscle_analysis_batch import MuscleBatch, analyse_many, is_batch
from ..muscle_analysis_files import save_analysis, to_document
from ..muscle_analysis_words import number
from ..progress import ProgressBar
from ..signals.movements import read_windows
from .base import Result, positive, reading_choices
from .choices import whole_from
from .mapping import add_mapping_arguments, chosen_montage
from .video import add_shared_arguments, video_choices

HELP = "Tell from a film or track what the muscles did, and compare it with measured EMG."
EXAMPLE = "eifer muscles smile.mp4 --measured session.edf --out smile"
WHEN_STOPPED = "what is done of a folder or table is kept, and the same command goes on from there"
#: ``--measured`` without a file: the folder or table names the recordings.
_OWN = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "file", type=Path, help="a video, a track of any reconstructor, an MMM or MaM folder, or a "
        "table (CSV) with the columns film and recording",
    )  # fmt: skip
    parser.add_argument(
        "--measured", nargs="?", const=_OWN, metavar="RECORDING",
        help="the EMG of the same time, or its activity; without a file, those of the folder or "
        "table",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="the folder for curves, numbers and report page"
    )
    parser.add_argument(
        "--scheme", choices=("fridlund", "kuramoto"), default="fridlund",
        help="the electrodes whose muscles are told (default: fridlund)",
    )  # fmt: skip
    parser.add_argument("--model", help="an exp2emg model by name or file (default: the scheme's)")
    parser.add_argument(
        "--backend", default="mediapipe", help="reconstructor of a video (default: mediapipe)"
    )
    _add_time_arguments(parser)
    _add_measured_arguments(parser)
    add_shared_arguments(parser)
    _add_batch_arguments(parser)
    parser.add_argument("--force", action="store_true", help="replace earlier results")


def _add_time_arguments(parser: argparse.ArgumentParser) -> None:
    """How film and recording lie in time, and what happens when."""
    parser.add_argument(
        "--sync", default="auto", metavar="WAY", help="how film and recording lie in time: auto, "
        "'one clock', curves, event:NAME (the film began there), or a file of 'eifer sync --save'",
    )  # fmt: skip
    parser.add_argument(
        "--offset", type=float, metavar="S", help="the film's 0 on the recording's clock, in s"
    )
    parser.add_argument(
        "--delay", default="common", metavar="MS", help="what measured curves are shifted by "
        "before they are compared: common (one for all, found), none, or milliseconds",
    )  # fmt: skip
    parser.add_argument(
        "--movements", type=Path, metavar="TABLE", help="onset, duration and name of the movements "
        "(default: the recording's events, or what is found in the curves)",
    )  # fmt: skip


def _add_batch_arguments(parser: argparse.ArgumentParser) -> None:
    """Pages, many clips, and the bootstrap."""
    parser.add_argument("--no-report", action="store_true", help="curves and numbers only")
    parser.add_argument("--report", action="store_true", help="of many clips, a page for each")
    parser.add_argument(
        "--method", metavar="NAME", help="of an MMM folder, take this method's parameter tables"
    )
    parser.add_argument(
        "--workers", type=whole_from(1), metavar="N", help="processes for many films"
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help="a Dask cluster for many films")
    parser.add_argument(
        "--draws", type=whole_from(100), default=1000, help="of the bootstrap (default 1000)"
    )
    parser.add_argument(
        "--seed", type=whole_from(0), default=0, help="of the bootstrap (default 0)"
    )


def _add_measured_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--measured-rate", type=positive, metavar="HZ", help="of a recording whose file has none"
    )
    parser.add_argument(
        "--choose", action="append", default=[], metavar="NAME=VALUE",
        help="what else the recording leaves open, such as stream=Amp or clip=ID",
    )  # fmt: skip
    parser.add_argument("--preset", default="clinical", help="filter chain (default: clinical)")
    parser.add_argument("--profile", type=Path, help="a subject's profile from 'eifer calibrate'")
    parser.add_argument(
        "--keep-bad", action="store_true", help="let channels and seconds of bad quality count, too"
    )
    add_mapping_arguments(parser, scheme=False)


def run(options: argparse.Namespace) -> Result:
    """Analyse one film or many, and write what came of it."""
    if not options.file.exists() and "*" not in options.file.name:
        raise EiferError(f"{options.file} does not exist.", "Check the path.")
    if is_batch(options.file):
        return _run_many(options)
    if options.measured == _OWN:
        raise EiferError(
            f"{options.file.name} is one film or track, so --measured needs its recording.",
            "Name the recording, or give an MMM folder or a table.",
        )
    bar = ProgressBar(options.file.name)
    found = api.analyse_muscles(
        options.file, _measured(options), options.model, scheme=options.scheme,
        backend=options.backend, on_progress=bar, **_shared(options), **_conversion(options),
        movements=_movements(options), **_film_choices(options),
    )  # fmt: skip
    files: dict[str, Path] = {}
    if options.out is not None:
        files = save_analysis(
            found, options.out, overwrite=options.force, report=not options.no_report
        )
    return _result(found, files)


def _result(found: MuscleAnalysis, files: dict[str, Path]) -> Result:
    named = {key: str(path) for key, path in files.items()}
    lines = [found.describe(), *(f"{key}: {path}" for key, path in named.items())]
    return Result("\n".join(lines), {"files": named, **to_document(found)})


def _shared(options: argparse.Namespace) -> dict[str, Any]:
    """What one film and many have in common."""
    delay: str | float = options.delay
    if options.delay not in ("common", "none"):
        try:
            delay = float(options.delay)
        except ValueError as error:
            raise EiferError(
                f"'{options.delay}' is no delay.", "Give common, none or milliseconds."
            ) from error
    return {
        "sync": options.sync if options.offset is None else options.offset, "delay": delay,
        "keep_bad": options.keep_bad, "draws": options.draws, "seed": options.seed,
    }  # fmt: skip


def _film_choices(options: argparse.Namespace) -> dict[str, Any]:
    """Choices of a video; an exp2emg model is none of them."""
    chosen = video_choices(argparse.Namespace(**{**vars(options), "model": None}))
    if options.head is None:
        return chosen
    from ..heads.retarget import with_arkit_units

    return {**chosen, "head": with_arkit_units(api.load_head(options.head))}


def _measured(options: argparse.Namespace) -> Any:
    """The recording, or the activity, that was named."""
    if options.measured is None:
        return None
    path = Path(options.measured)
    if not path.exists():
        raise EiferError(f"{path} does not exist.", "Check the path.")
    if path.is_file() and exchange.is_activity(path):
        return api.read_activity(path)
    choices = reading_choices(argparse.Namespace(rate=options.measured_rate, choose=options.choose))
    recording = api.read_recording(path, **choices)
    options.montage = chosen_montage(options, recording)
    return recording


def _conversion(options: argparse.Namespace) -> dict[str, Any]:
    if options.measured is None:
        return {}
    chosen: dict[str, Any] = {"preset": options.preset, "profile": options.profile}
    if options.montage is not None:
        chosen["montage"] = options.montage
    return {"conversion": chosen}


def _movements(options: argparse.Namespace) -> list[tuple[float, str, float]] | None:
    if options.movements is None:
        return None
    windows = read_windows(options.movements)
    return [(start, name, stop - start) for name, (start, stop) in windows.items()]


def _run_many(options: argparse.Namespace) -> Result:
    if options.out is None:
        raise EiferError("Many clips need a folder for their results.", "Add --out DIR.")
    many = {name: getattr(options, name) for name in ("workers", "scheduler", "head")}
    found = analyse_many(
        options.file, options.out, options.model, scheme=options.scheme, backend=options.backend,
        method=options.method, overwrite=options.force, report=options.report, on_news=_Teller(),
        conversion={"preset": options.preset, "profile": options.profile,
                    "scheme": options.scheme, "sides": options.sides},
        **_shared(options), **{name: value for name, value in many.items() if value is not None},
        **video_choices(argparse.Namespace(**{**vars(options), "model": None})),
    )  # fmt: skip
    return _many_result(found)


def _many_result(found: MuscleBatch) -> Result:
    counts = {state: sum(one["state"] == state for one in found.reports)
              for state in ("done", "skipped", "failed")}  # fmt: skip
    lines = [_line(one) for one in found.reports]
    sums = f"{counts['done']} done, {counts['skipped']} done before, {counts['failed']} failed"
    lines += ["", sums, f"table: {found.table}", f"summary: {found.summary}"]
    values = {
        "out": str(found.out), "table": str(found.table), "summary": str(found.summary),
        "clips": list(found.reports),
    }  # fmt: skip
    return Result("\n".join(lines), values, failed=bool(found.failed))


def _line(report: dict[str, Any]) -> str:
    if report["state"] == "failed":
        return f"{report['name']}: failed: {report['sentence']}"
    rhos = [row["rho"] for row in report["rows"] if row.get("acted") and row.get("rho") is not None]
    mean = sum(rhos) / len(rhos) if rhos else float("nan")
    done = "done" if report["state"] == "done" else "done before"
    return f"{report['name']}: {done}, {len(rhos)} muscles acted, mean ρ {number(mean)}"


class _Teller:
    """Says on standard error how far the films and the analyses are."""

    def __init__(self) -> None:
        self._bars: dict[str, ProgressBar] = {}

    def __call__(self, kind: str, values: dict[str, Any]) -> None:
        """As `on_news` of `analyse_many`."""
        if kind == "progress":
            name = str(values["name"])
            self._bars.setdefault(name, ProgressBar(name))(values["done"], values["total"])
        elif kind == "analysed":
            ProgressBar(f"muscles of {values['name']}")(1, 1)
