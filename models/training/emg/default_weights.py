"""The models that come with the add-on: ``python -m eifer.models.training.emg.default_weights``.

Simulates subjects (kept in a cache folder), trains each network on one thread, scores it on
subjects of another seed, and writes the ONNX files into ``models/weights``. Names of models as
arguments make only those.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ....eifer_addon.evaluation.emg import baseline, model_method, ridge, score, score_muscles
from ....eifer_addon.files import atomic_path, cache_folder, make_folder
from ...cards import CARD_KEY, ModelCard
from ...checkpoints.packages import declare_operators
from ...sessions import WEIGHTS, load_model, read_card
from ...synthetic.emg_sessions import sessions
from ..config import Config, load_config

#: Task, network and scheme of each.
MODELS: Mapping[str, tuple[str, str, str]] = {
    "emg2exp_fridlund": ("emg2exp", "frame", "fridlund"),
    "emg2exp_fridlund_causal": ("emg2exp", "causal", "fridlund"),
    "emg2exp_kuramoto": ("emg2exp", "frame", "kuramoto"),
    "emg2exp_kuramoto_causal": ("emg2exp", "causal", "kuramoto"),
    "exp2emg_fridlund": ("exp2emg", "window", "fridlund"),
    "exp2emg_kuramoto": ("exp2emg", "window", "kuramoto"),
}
#: Subjects that networks learn from, and those that they are scored on.
TRAINING_SEED, TEST_SEED = 1, 2
SUBJECTS, TEST_SUBJECTS = 96, 10
MODULE = "eifer.models.training.emg.default_weights"


def config_of(
    name: str, cache: Path, subjects: int = SUBJECTS, overrides: Sequence[str] = ()
) -> Config:
    """The configuration that makes one of `MODELS`."""
    task, network, scheme = MODELS[name]
    values = [
        f"model.name={network}", "model.from_model=''", f"data.scheme={scheme}",
        f"data.subjects={subjects}", f"data.subject_seed={TRAINING_SEED}", f"data.cache={cache}",
        f"export.name={name}", "data.validation_share=0.12", *overrides,
    ]  # fmt: skip
    return load_config(task, None, values)


def scores_of(path: Path, cache: Path, subjects: int = TEST_SUBJECTS) -> dict[str, Any]:
    """Scores on unseen subjects for the card, beside those of what is to be beaten."""
    model = load_model(path)
    scheme = str(model.card.normalisation["scheme"])
    unseen = list(sessions(cache, scheme, range(subjects), TEST_SEED))
    found: dict[str, Any] = {"test_subjects": subjects}
    if model.card.kind == "exp2emg":
        muscles = score_muscles(unseen, model)
        found["test_rho"] = _mean(muscles.correlation)
        found["test_rms"] = _mean(muscles.rms)
        found["test_smape"] = _mean(muscles.smape)
        return found
    causal = bool(model.card.states)
    preset = "live" if causal else "clinical"
    own = score(unseen, model_method(model), preset=preset, lag=not causal)
    found["test_r2"], found["test_rho"] = (round(value, 3) for value in own.mean())
    for label, method in (("baseline", baseline), ("ridge", ridge)):
        other = score(unseen, method)
        found[f"test_r2_{label}"] = round(other.mean()[0], 3)
    return found


def _mean(values: Mapping[str, float]) -> float:
    return round(sum(values.values()) / len(values), 3)


def with_metrics(path: Path, metrics: Mapping[str, Any]) -> ModelCard:
    """Add scores to the card in a file."""
    import onnx

    card = read_card(path)
    card = replace(card, metrics={**card.metrics, **metrics})
    model = onnx.load_model_from_string(path.read_bytes())
    for entry in model.metadata_props:
        if entry.key == CARD_KEY:
            entry.value = card.to_json()
    with atomic_path(path) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))
    return card


def make(
    name: str, cache: Path, out: Path, weights: Path, *, subjects: int, overrides: Sequence[str]
) -> ModelCard:
    """Train one model, score it, and put it among the weights."""
    declare_operators()
    from ..run import train

    config = config_of(name, cache, subjects, overrides)
    result = train(config, make_folder(out / name), command=["python", "-m", MODULE, name])
    assert result.model is not None
    card = with_metrics(result.model, scores_of(result.model, cache))
    with atomic_path(weights / f"{name}.onnx") as temporary:
        temporary.write_bytes(result.model.read_bytes())
    return card


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the models that are named, or all."""
    parser = argparse.ArgumentParser(prog=MODULE, description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*MODELS, []], help="which (default: all)")
    parser.add_argument("--cache", type=Path, default=cache_folder() / "emg_sessions")
    parser.add_argument("--out", type=Path, default=cache_folder() / "emg_training")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--subjects", type=int, default=SUBJECTS)
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    options = parser.parse_args(arguments)
    for name in options.names or MODELS:
        card = make(
            name, options.cache, options.out, options.weights, subjects=options.subjects,
            overrides=options.overrides,
        )  # fmt: skip
        sys.stdout.write(f"{name}: {dict(card.metrics)}\n")


if __name__ == "__main__":
    main()
