"""``eifer train``: networks learn from one's own recordings and become ONNX files with cards."""

from __future__ import annotations

import argparse
import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EiferError
from .base import Result
from .choices import whole_from

if TYPE_CHECKING:
    from ...models.training.callbacks import Stop
    from ...models.training.config import Config
    from ...models.training.run import TrainResult

HELP = "Train a network on sessions in MMM's layout, simulated ones, or takes of your own."
EXAMPLE = "eifer train emg2exp --data takes/anna --out trained/anna --set data.split_by=movement"
WHEN_STOPPED = "the last checkpoint is kept, and the same command goes on from there"
TASKS = ("translator", "emg2exp", "exp2emg", "encoder")
_UNITS = {"s": 1 / 60, "m": 1.0, "min": 1.0, "h": 60.0, "d": 1440.0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("task", choices=TASKS, help="which network")
    parser.add_argument(
        "--data", type=Path, nargs="+", action="extend", default=[], metavar="DIR",
        help="folders with sessions: MMM, MaM, of 'eifer simulate', or takes of your own",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="DIR",
        help="the training's folder: settings, checkpoints, curves, and the model at the end",
    )  # fmt: skip
    parser.add_argument("--model", metavar="NAME", help="which network of the task (model.name)")
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="YAML with the settings that differ"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="settings",
        help="one setting, as in --set loss.adversarial=0; may be given several times",
    )  # fmt: skip
    again = parser.add_mutually_exclusive_group()
    again.add_argument(
        "--resume", action="store_true", help="go on with the training in --out (default)"
    )
    again.add_argument("--fresh", action="store_true", help="begin anew, whatever is in --out")
    _add_machine(parser)
    parser.add_argument("--seed", type=whole_from(0), help="everything drawn follows from it")
    parser.add_argument(
        "--smoke", action="store_true", help="only show that everything runs (under a minute)"
    )
    parser.add_argument(
        "--show-config", action="store_true", help="print all settings and train nothing"
    )


def _add_machine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--devices", metavar="N", help="how many, or which as 0,1 (default: auto)")
    parser.add_argument("--nodes", type=whole_from(1), metavar="N", help="machines (default 1)")
    parser.add_argument("--strategy", metavar="NAME", help="ddp, fsdp, … (default: auto)")
    parser.add_argument("--accelerator", metavar="NAME", help="cpu, gpu, … (default: auto)")
    parser.add_argument(
        "--precision", choices=("32-true", "bf16-mixed", "16-mixed", "64-true"),
        help="bf16-mixed is faster on new CPUs too (default 32-true)",
    )  # fmt: skip
    parser.add_argument(
        "--batch-size", type=whole_from(1), metavar="N", help="examples per device and step"
    )
    parser.add_argument(
        "--max-time", type=_minutes, metavar="TIME", help="then it ends, as 90m or 3h; resumed "
        "parts count",
    )  # fmt: skip


def run(options: argparse.Namespace) -> Result:
    """Train, or show what would be trained."""
    import yaml

    from ...models.training.faults import need_torch

    config = _config(options)
    if options.show_config:
        values = config.values()
        return Result(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), values)
    if options.out is None:
        raise EiferError("No folder for the training was named.", "Name one with --out.")
    need_torch()
    from ...models.training.callbacks import Stop
    from ...models.training.progress import JsonProgress, TextProgress
    from ...models.training.run import train

    stop = Stop()
    telling = JsonProgress() if options.json else TextProgress(f"Training {options.task}")
    with _interrupted_by_signals(stop):
        made = train(config, options.out, resume=not options.fresh, on_progress=telling, stop=stop)
    return _result(made)


def _config(options: argparse.Namespace) -> Config:
    from ...models.training.config import load_config

    config = load_config(
        options.task, options.config,
        [*([f"model.name={options.model}"] if options.model else []), *options.settings],
        smoke=options.smoke,
    )  # fmt: skip
    named: dict[str, Any] = {
        "trainer.devices": options.devices, "trainer.nodes": options.nodes,
        "trainer.strategy": options.strategy, "trainer.accelerator": options.accelerator,
        "trainer.precision": options.precision, "trainer.max_minutes": options.max_time,
        "data.batch_size": options.batch_size, "seed": options.seed,
    }  # fmt: skip
    given = {key: value for key, value in named.items() if value is not None}
    if options.devices is not None and options.devices.isdigit():
        given["trainer.devices"] = int(options.devices)
    if options.data:
        given["data.folders"] = [str(folder.expanduser().absolute()) for folder in options.data]
    return config.with_values(given)


def _minutes(text: str) -> float:
    """``90m``, ``3h``, ``45`` (minutes)."""
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    try:
        minutes = float(number) * _UNITS[text[len(number) :] or "m"]
    except (KeyError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text} is not a time such as 90m or 3h") from error
    if not 0 < minutes < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a time such as 90m or 3h")
    return minutes


@contextlib.contextmanager
def _interrupted_by_signals(stop: Stop) -> Iterator[None]:
    """Ctrl-C, SIGTERM and Slurm's SIGUSR1 keep a checkpoint; a second Ctrl-C does not wait."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(number: int, _frame: Any) -> None:
        if stop and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.interrupt()

    names = ("SIGINT", "SIGTERM", "SIGUSR1")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    kept = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _result(made: TrainResult) -> Result:
    metrics = {key: round(value, 6) for key, value in made.metrics.items()}
    values = {
        "state": made.state, "out": str(made.out), "steps": made.steps,
        "seconds": round(made.seconds, 1), "metrics": metrics, "notes": list(made.notes),
        "model": str(made.model) if made.model else None,
    }  # fmt: skip
    if made.state == "stopped":
        text = (
            f"Stopped at step {made.steps}; the checkpoint is in {made.out}.\n"
            "  Run the same command again to go on from there."
        )
        return Result(text, values, failed=True)
    lines = [f"Trained {made.steps} steps: {made.model or made.out}"]
    lines += [f"  {key}: {value:g}" for key, value in metrics.items()]
    lines += [f"  {note}" for note in made.notes]
    return Result("\n".join(lines), values)
