"""The identity basis: what differs between sampled people, as principal components.

People are sampled the way MakeHuman mixes its macro targets: ancestry, sex and age share out
one set of targets, sex, age, muscle and weight another. Local targets (nose, mouth, chin ...)
are added on top. Every person is a linear mixture of targets, so the covariance of the vertices
follows from the covariance of the mixture and no mesh is built per person.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from .source import Source

ANCESTRIES = ("african", "asian", "caucasian")
SEXES = ("female", "male")
AGES = ("baby", "child", "young", "old")
LEVELS = ("min", "average", "max")
#: Folders of local targets, with the standard deviation of each slider (the targets end at 1).
LOCAL_SD = {
    "head": 0.22, "eyes": 0.25, "nose": 0.25, "mouth": 0.25, "cheek": 0.25, "chin": 0.25,
    "ears": 0.25, "forehead": 0.25, "eyebrows": 0.25, "neck": 0.2, "asym": 0.12,
}  # fmt: skip
#: Sliders that move the whole head or measure the body are no shape of a face.
_NOT_SHAPE = re.compile(r"(head-trans|neck-trans|measure-neck|asymm-|neck-double)")
_PAIRS = (
    ("decr", "incr"), ("down", "up"), ("in", "out"), ("backward", "forward"),
    ("concave", "convex"), ("compress", "uncompress"), ("1-l", "1-r"), ("2-l", "2-r"),
    ("3-l", "3-r"), ("4-l", "4-r"), ("5-l", "5-r"), ("6-l", "6-r"), ("7-l", "7-r"), ("8-l", "8-r"),
)  # fmt: skip
CHILD_SHARE = 0.15
N_PEOPLE = 6000
N_COMPONENTS = 100
SEED = 19580


@dataclass(frozen=True)
class Population:
    """Sampled people as mixtures of targets.

    Attributes
    ----------
    targets : tuple of str
        Names of the K targets.
    mixture : numpy.ndarray
        (n_people, K) weight of each target in each person.
    """

    targets: tuple[str, ...]
    mixture: np.ndarray


def sample_people(source: Source, n: int = N_PEOPLE, seed: int = SEED) -> Population:
    """Draw people of all ages, sexes and ancestries.

    Parameters
    ----------
    source : Source
    n : int
        How many people.
    seed : int
        Seed of the generator.
    """
    rng = np.random.default_rng(seed)
    names, columns = _macro(rng, n)
    for folder, deviation in LOCAL_SD.items():
        more, mixed = _local(source.target_names(folder), deviation, n, rng)
        names += more
        columns += mixed
    return Population(tuple(names), np.stack(columns, axis=1))


def _macro(rng: np.random.Generator, n: int) -> tuple[list[str], list[np.ndarray]]:
    ancestry = rng.dirichlet(np.full(3, 0.6), n)
    male = rng.beta(0.6, 0.6, n)
    sex = np.stack([1.0 - male, male], axis=1)
    # Years follow MakeHuman's slider: 1 baby, 10 child, 25 young, 90 old.
    years = np.where(rng.random(n) < CHILD_SHARE, rng.uniform(7, 18, n), rng.uniform(18, 90, n))
    age = np.stack([_tent(years, k, (1.0, 10.0, 25.0, 90.0)) for k in range(4)], axis=1)
    muscle, weight = (_levels(np.clip(rng.normal(0.5, 0.2, n), 0, 1)) for _ in range(2))
    names, columns = [], []
    for s, a in ((s, a) for s in range(2) for a in range(1, 4)):
        share = sex[:, s] * age[:, a]
        for k, people in enumerate(ANCESTRIES):
            names.append(f"macrodetails/{people}-{SEXES[s]}-{AGES[a]}")
            columns.append(share * ancestry[:, k])
        for i, j in ((i, j) for i in range(3) for j in range(3)):
            build = f"{LEVELS[i]}muscle-{LEVELS[j]}weight"
            names.append(f"macrodetails/universal-{SEXES[s]}-{AGES[a]}-{build}")
            columns.append(share * muscle[:, i] * weight[:, j])
    return names, columns


def _tent(values: np.ndarray, k: int, knots: tuple[float, ...]) -> np.ndarray:
    """The k-th piecewise linear hat function over `knots`."""
    return np.interp(values, knots, np.eye(len(knots))[k])


def _levels(values: np.ndarray) -> np.ndarray:
    return np.stack([_tent(values, k, (0.0, 0.5, 1.0)) for k in range(3)], axis=1)


def _local(
    paths: list[str], deviation: float, n: int, rng: np.random.Generator
) -> tuple[list[str], list[np.ndarray]]:
    """Sliders of one folder; the two sides of a face mostly agree."""
    names: list[str] = []
    columns: list[np.ndarray] = []
    shared: dict[str, np.ndarray] = {}
    paths = [path for path in paths if not _NOT_SHAPE.search(path)]
    for path in paths:
        pair = _pair_of(path, paths)
        if pair is not None and pair[1] == path:
            continue
        common = re.sub(r"/[lr]-", "/", path)
        if common not in shared:
            shared[common] = rng.normal(0.0, deviation, n)
        slider = shared[common]
        if common != path:
            slider = slider + rng.normal(0.0, 0.15 * deviation, n)
        slider = np.clip(slider, -1.0, 1.0)
        names.append(path)
        columns.append(np.maximum(-slider, 0.0) if pair else np.maximum(slider, 0.0))
        if pair:
            names.append(pair[1])
            columns.append(np.maximum(slider, 0.0))
    return names, columns


def _pair_of(path: str, paths: list[str]) -> tuple[str, str] | None:
    """The two ends of the slider that a target belongs to, if it has two."""
    for low, high in _PAIRS:
        for mine, other in ((low, high), (high, low)):
            if path.endswith(f"-{mine}"):
                partner = path[: -len(mine)] + other
                if partner in paths:
                    return (path, partner) if mine == low else (partner, path)
    return None


@dataclass(frozen=True)
class Basis:
    """Principal components as mixtures of targets.

    Attributes
    ----------
    mixing : numpy.ndarray
        (K, n_components): the component's vertices are targets times mixing; one unit of a
        coefficient is one standard deviation of the sampled people.
    explained : numpy.ndarray
        (n_components,) share of the variance.
    """

    mixing: np.ndarray
    explained: np.ndarray


def principal_components(mixture: np.ndarray, vectors: np.ndarray, count: int) -> Basis:
    """Components of people that are ``mixture @ vectors``, without forming the people.

    Parameters
    ----------
    mixture : numpy.ndarray
        (n, K) weights of K vectors.
    vectors : numpy.ndarray
        (K, m).
    count : int
        How many components.
    """
    spread = np.cov(mixture, rowvar=False)
    values, axes = np.linalg.eigh(spread)
    root = axes * np.sqrt(np.maximum(values, 0.0))
    inner = root.T @ (vectors @ vectors.T) @ root
    variance, turn = np.linalg.eigh((inner + inner.T) / 2.0)
    order = np.argsort(-variance)[:count]
    mixing = root @ turn[:, order]
    # An eigenvector's sign is arbitrary. A weighted sum settles it: the two sides of a face have
    # weights of the same size, so the largest one would depend on rounding.
    mixing *= np.sign(np.linspace(2.0, 1.0, len(mixing)) @ mixing)
    return Basis(mixing, variance[order] / variance.clip(min=0.0).sum())
