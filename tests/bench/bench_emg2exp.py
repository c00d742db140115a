"""How well muscles and expressions are told from each other, on subjects that no model saw.

``python tests/bench/bench_emg2exp.py [tables|few|posed|muscles|fmov|speed|sheet] [--cache DIR]``:
every number in docs/emg2exp.md. Simulated subjects are made once and kept in the cache.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eifer import api
from eifer.eifer_addon.evaluation import emg
from eifer.eifer_addon.evaluation.driven import is_driven
from eifer.eifer_addon.files import cache_folder
from eifer.models.choosing import built_in
from eifer.models.streaming import FrameRunner
from eifer.models.synthetic.emg_sessions import EmgSession, sessions
from eifer.models.synthetic.subject import draw_subject

SCHEMES = ("fridlund", "kuramoto")
TEST_SEED = 2
ROOT = Path(__file__).parents[2]


def unseen(options: argparse.Namespace, scheme: str) -> list[EmgSession]:
    """The subjects of the test."""
    return list(sessions(options.cache, scheme, range(options.subjects), TEST_SEED))


def tables(options: argparse.Namespace) -> None:
    """R² and ρ by coefficient, of both models, the ridge and the baseline."""
    for scheme in SCHEMES:
        people = unseen(options, scheme)
        frame, causal = f"emg2exp_{scheme}", f"emg2exp_{scheme}_causal"
        found = {
            "per frame": emg.score(people, emg.model_method(frame)),
            "causal": emg.score(people, emg.model_method(causal), preset="live", lag=False),
            "ridge": emg.score(people, emg.ridge),
            "instructed ridge": emg.score(people, emg.instructed_ridge),
            "baseline": emg.score(people, emg.baseline),
        }
        print(f"\n{scheme}: R² (ρ) on {len(people)} unseen subjects")
        muscles = people[0].parts[emg.EMOTIONS].activities["clinical"].muscles
        print("| coefficient | " + " | ".join(found) + " |")
        print("|---|" + "---|" * len(found))
        for name in found["per frame"].explained:
            cells = [f"{s.explained[name]:.2f} ({s.correlation[name]:.2f})" for s in found.values()]
            mark = " (driven)" if is_driven(name, muscles) else ""
            print(f"| {name}{mark} | " + " | ".join(cells) + " |")
        for title, kept in (("driven", set(driven(found["baseline"], muscles))), ("all", None)):
            means = [s.mean(kept) for s in found.values()]
            cells = [f"{r2:.3f} ({rho:.3f})" for r2, rho in means]
            print(f"| mean, {title} | " + " | ".join(cells) + " |")
        print("lag taken: " + ", ".join(f"{k} {1000 * s.lag_s:.0f} ms" for k, s in found.items()))


def driven(scores: emg.Scores, muscles: Sequence[str]) -> list[str]:
    """The coefficients that the recorded muscles drive."""
    return [name for name in scores.explained if is_driven(name, muscles)]


def few(options: argparse.Namespace) -> None:
    """Few channels: mean R² of what the muscles there drive."""
    people = unseen(options, "fridlund")
    sets = {
        "zygomaticus, corrugator": ("zygomaticus", "corrugator"),
        "four": ("zygomaticus", "corrugator", "frontalis_medialis", "depressor_anguli_oris"),
        "eight": (
            "zygomaticus", "corrugator", "frontalis_medialis", "frontalis_lateralis",
            "levator_labii", "orbicularis_oculi", "orbicularis_oris", "depressor_anguli_oris",
        ),
    }  # fmt: skip
    led = ("mouthSmileLeft", "mouthSmileRight", "browDownLeft", "browDownRight")
    print("\nfew channels (fridlund): R² of smile and lowered brow; mean R² of everything")
    for title, kept in sets.items():
        for name, method in (
            ("per frame", emg.model_method("emg2exp_fridlund")), ("baseline", emg.baseline)
        ):  # fmt: skip
            found = emg.score(people, emg.without(method, kept))
            mean = np.mean([found.explained[n] for n in led])
            print(f"  {title:26s} {name:10s} {mean:.2f}   {found.mean()[0]:.2f}")


def posed(options: argparse.Namespace) -> None:
    """What the avatar shows in posed emotions, beside the true face."""
    for scheme in SCHEMES:
        people = unseen(options, scheme)
        made = emg.posed_emotions(people, emg.model_method(f"emg2exp_{scheme}"), lag=0.07)
        print(f"\n{scheme}: posed emotions, mean of the held pose (the true face)")
        for emotion, row in made.items():
            cells = ", ".join(f"{n} {a:.2f} ({b:.2f})" for n, (a, b) in row.items())
            print(f"  {emotion}: {cells}")


def muscles(options: argparse.Namespace) -> None:
    """Exp2EMG by muscle."""
    for scheme in SCHEMES:
        people = unseen(options, scheme)
        found = emg.score_muscles(people, built_in(f"exp2emg_{scheme}"), delays(people))
        print(f"\n{scheme}: muscles from the face, {len(people)} unseen subjects")
        print("| muscle | MSE | RMS | SMAPE | ρ | onset error, ms |\n|---|---|---|---|---|---|")
        for name in found.mse:
            onset = found.onset_ms.get(name, float("nan"))
            print(
                f"| {name} | {found.mse[name]:.4f} | {found.rms[name]:.3f} | "
                f"{found.smape[name]:.0f} | {found.correlation[name]:.2f} | {onset:.0f} |"
            )
        print(f"delay: median error {found.delay_ms[0]:.1f} ms, largest {found.delay_ms[1]:.1f} ms")


def delays(people: list[EmgSession]) -> dict[str, float]:
    """The simulated electro-mechanical delay by subject, the median of measured muscles."""
    found = {}
    for session in people:
        seed, index = (int(part) for part in session.subject.split("-"))
        subject = draw_subject(seed, index)
        there = set(session.parts[emg.EMOTIONS].activities["clinical"].muscles)
        keep = [k for k, name in enumerate(subject.muscles) if name in there]
        found[session.subject] = float(np.median(subject.delay_s[keep]))
    return found


def fmov(options: argparse.Namespace) -> None:
    """Happy against angry faces in six real people, by the models side by side."""
    spec = importlib.util.spec_from_file_location("fmov", ROOT / "examples" / "fmov_effect.py")
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    print("\nFMOV: effect size d of the track (six people)")
    for model in ("baseline", "emg2exp_fridlund", "emg2exp_fridlund_causal"):
        api_call = api.emg_to_expression
        example.api = _Named(model, api_call)
        effects = example.measure(options.data / "emg" / "nilsonne_FMOV_CC0")
        row = {k[0]: v.d for k, v in effects.items() if k[1] == "track, difference"}
        print(f"  {model:26s} " + ", ".join(f"{name} {d:.2f}" for name, d in row.items()))


class _Named:
    """The script API with one model where none is named."""

    def __init__(self, model: str, convert: object) -> None:
        self.model, self.convert = model, convert

    def __getattr__(self, name: str) -> object:
        if name == "emg_to_expression":
            return lambda activity: self.convert(activity, model=self.model)  # type: ignore[operator]
        return getattr(api, name)


def speed(_options: argparse.Namespace) -> None:
    """ms a frame through onnxruntime with one thread."""
    print("\nms a frame, frame after frame, one thread")
    for scheme in SCHEMES:
        for name in (f"emg2exp_{scheme}", f"emg2exp_{scheme}_causal"):
            runner = FrameRunner(built_in(name))
            frames = np.random.default_rng(0).random((2000, runner.n_inputs), np.float32)
            runner.run(frames[:100])
            start, cpu = time.perf_counter(), time.process_time()
            runner.run(frames)
            spent = time.perf_counter() - start
            own = time.process_time() - cpu
            print(f"  {name:26s} {spent / 2:.3f} (CPU {own / 2:.3f})")


def sheet(options: argparse.Namespace) -> None:
    """Posed emotions of the first unseen subject, from the true face and from its muscles."""
    from matplotlib.figure import Figure

    from eifer.eifer_addon.spaces import ARKIT52
    from eifer.eifer_addon.track import ExpressionTrack
    from eifer.eifer_addon.video.compare_avatar import Avatar, View

    session = unseen(options, "fridlund")[0]
    part = session.parts[emg.EMOTIONS]
    activity, truth = part.activities["clinical"], part.track
    rows = {
        "the true face": truth.coefficients,
        "emg2exp_fridlund": emg.model_method("emg2exp_fridlund")(session, activity),
        "baseline": emg.baseline(session, activity),
    }
    avatar = Avatar(api.load_head())
    camera, view = avatar.default_camera(256, 256), View(0, 0, 256, 256)
    emotions = {name: (start, length) for start, name, length in activity.events[:12]}
    figure = Figure(figsize=(2.1 * len(emotions), 6.6), dpi=110)
    for k, (emotion, (start, length)) in enumerate(sorted(emotions.items())):
        inside = (truth.timestamps >= start) & (truth.timestamps < start + length)
        # The strongest moment between blinks.
        blink = [n.startswith("eyeBlink") for n in ARKIT52.coefficients]
        shown = truth.coefficients[inside]
        strength = shown[:, np.invert(blink)].sum(axis=1) - 5.0 * shown[:, blink].sum(axis=1)
        at = truth.timestamps[inside][int(np.argmax(strength))]
        for row, (title, values) in enumerate(rows.items()):
            times = truth.timestamps if row == 0 else activity.timestamps + 0.07
            shown = np.array([np.interp(at, times, column) for column in values.T], np.float32)
            track = ExpressionTrack(ARKIT52, shown[None], np.zeros(1), np.ones(1, np.float32))
            axes = figure.add_subplot(len(rows), len(emotions), 1 + row * len(emotions) + k)
            axes.imshow(avatar.draw(avatar.vertices(track, 0), camera, view))
            axes.set_xticks([])
            axes.set_yticks([])
            if row == 0:
                axes.set_title(emotion)
            if k == 0:
                axes.set_ylabel(title)
    figure.tight_layout()
    figure.savefig(options.sheet)


JOBS = {
    "tables": tables, "few": few, "posed": posed, "muscles": muscles, "fmov": fmov,
    "speed": speed, "sheet": sheet,
}  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", nargs="*", default=list(JOBS))
    parser.add_argument("--cache", type=Path, default=cache_folder() / "emg_sessions")
    parser.add_argument("--subjects", type=int, default=10)
    parser.add_argument("--sheet", type=Path, default=ROOT / "docs/images/emg2exp-posed.png")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    chosen = parser.parse_args()
    for job in chosen.jobs:
        JOBS[job](chosen)
        sys.stdout.flush()
