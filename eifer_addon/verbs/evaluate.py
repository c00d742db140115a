"""``eifer evaluate``: how good the models are, on people who were never trained on."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from ..errors import EiferError
from ..evaluation.sections import Section
from ..files import atomic_path
from ..progress import ProgressBar
from .base import Result
from .choices import whole_from

HELP = "Measure how good the models are on people they never saw, beside what was aimed at."
EXAMPLE = "eifer evaluate all --data shared/data --out evaluation"
SECTIONS = ("portraits", "rendered", "emg", "real", "emotions")
_NEED_DATA = ("portraits", "real")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "section", nargs="?", choices=(*SECTIONS, "all"), default="all", help="default: all"
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="the folder with images/faker_CC0 and "
        "emg/nilsonne_FMOV_CC0, for portraits and real",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the results")
    parser.add_argument("--quick", action="store_true", help="a few people and pictures only")
    parser.add_argument(
        "--seed", type=whole_from(0), default=2, help="of people and electrodes (default 2)"
    )
    parser.add_argument("--model-translator", type=Path, metavar="FILE", help="instead of ours")
    parser.add_argument(
        "--classifier", default="", metavar="MODEL",
        help="which judge of expressions: an imported one by name, or a file (default: rmn where "
        "it was imported, else the small one in --data)",
    )  # fmt: skip
    for kind in ("emg2exp", "exp2emg"):
        parser.add_argument(f"--model-{kind}", metavar="MODEL", help="by name or file")


def run(options: argparse.Namespace) -> Result:
    """Measure what was asked for, and write each section as soon as it is done."""
    chosen = SECTIONS if options.section == "all" else (options.section,)
    _check(options, chosen)
    options.out.mkdir(parents=True, exist_ok=True)
    jobs = _jobs(options)
    texts, values = [], {}
    for name in chosen:
        section = jobs[name](ProgressBar(name))
        _write(section, name, options.out)
        texts.append(section.markdown())
        values[name] = section.document()
    return Result("\n".join([*texts, f"written to {options.out}"]),
                  {"out": str(options.out), "seed": options.seed, "quick": options.quick,
                   "sections": values})  # fmt: skip


def _check(options: argparse.Namespace, chosen: tuple[str, ...]) -> None:
    needing = [name for name in chosen if name in _NEED_DATA]
    if needing and options.data is None:
        raise EiferError(f"'{needing[0]}' needs the folder of the shared data.", "Add --data DIR.")
    if needing and not options.data.is_dir():
        raise EiferError(f"{options.data} is no folder.", "Check the path after --data.")
    if options.out.exists() and not options.out.is_dir():
        raise EiferError(f"{options.out} is a file.", "Name a folder with --out.")
    if options.model_translator is not None and not options.model_translator.is_file():
        raise EiferError(f"{options.model_translator} does not exist.", "Check the path.")


def _jobs(options: argparse.Namespace) -> dict[str, Callable[[ProgressBar], Section]]:
    from ..evaluation import faces, muscles
    from ..evaluation.rendered import rendered

    seed, quick, model = options.seed, options.quick, options.model_translator
    named = {"emg2exp": options.model_emg2exp, "exp2emg": options.model_exp2emg}
    models = {kind: name for kind, name in named.items() if name}
    return {
        "portraits": lambda bar: faces.portraits(
            options.data, seed=seed, quick=quick, model=model, judge=options.classifier,
            on_progress=bar),
        "rendered": lambda bar: rendered(
            seed=seed, quick=quick, model=model, on_progress=bar),
        "emg": lambda bar: muscles.links(seed=seed, quick=quick, models=models, on_progress=bar),
        "real": lambda bar: muscles.real(
            options.data, quick=quick, models=models, on_progress=bar),
        "emotions": lambda bar: muscles.emotions(
            seed=seed, quick=quick, models=models, on_progress=bar),
    }  # fmt: skip


def _write(section: Section, name: str, folder: Path) -> None:
    from PIL import Image

    for picture, image in section.pictures.items():
        with atomic_path(folder / picture) as path:
            Image.fromarray(image).save(path, format="PNG")
    with atomic_path(folder / f"{name}.md") as path:
        path.write_text(section.markdown(), encoding="utf-8")
    with atomic_path(folder / f"{name}.json") as path:
        document = json.dumps(section.document(), indent=1, ensure_ascii=False)
        path.write_text(document, encoding="utf-8")
