"""Sessions from folders or from the simulator as pairs, split and on the network's frames."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ....eifer_addon.errors import EiferError
from ....eifer_addon.files import cache_folder
from ....eifer_addon.signals.activity import Activity
from ....eifer_addon.signals.calibration import Profile, calibrate
from ....eifer_addon.signals.convert import to_activity
from ....eifer_addon.signals.normalise import normalise
from ....eifer_addon.signals.recording import Recording
from ....eifer_addon.spaces import ExpressionSpace, get_space
from ...emg_schemes import muscles_of, scheme_of
from ...synthetic.emg_sessions import joined, sessions
from ..config import Config
from ..data_folders import Clip, SessionClips, check_frames, describe, find_sessions, usable
from ..data_folders_split import split
from .pairs import Pair, pair_of, pairs_of_session, within_effort
from .weights import first_model

_CALIBRATING = "schaede"
#: A calibration by fewer clips than this is none.
_FEWEST_MOVEMENTS = 4


@dataclass(frozen=True)
class LoadedPairs:
    """What is learned from, and what is held out.

    Attributes
    ----------
    train, validation : list of Pair
    muscles : tuple of str
    space : ExpressionSpace
    rate_hz : float
    scheme : str
        Empty where the sessions do not tell.
    sentence : str
        For the card.
    filter_delay_ms : float or None
        Of the activity's filters; None where the preset tells.
    """

    train: list[Pair]
    validation: list[Pair]
    muscles: tuple[str, ...]
    space: ExpressionSpace
    rate_hz: float
    scheme: str
    sentence: str
    filter_delay_ms: float | None = None

    def late(self, frames: int) -> LoadedPairs:
        """All pairs with a delay taken out."""
        if not frames:
            return self
        return replace(
            self, train=[p.late(frames) for p in self.train],
            validation=[p.late(frames) for p in self.validation],
        )  # fmt: skip


def load_pairs(config: Config) -> LoadedPairs:
    """The pairs that a configuration asks for.

    Raises
    ------
    EiferError
        When the sessions cannot be used, are too short, or fit neither each other nor the settings.
    """
    loaded = _from_folders(config) if config.data["folders"] else _from_simulator(config)
    if config.task == "exp2emg":
        loaded = replace(
            loaded, train=within_effort(loaded.train), validation=within_effort(loaded.validation)
        )
    n_frames = sum(int(p.known.sum()) for p in loaded.train)
    check_frames(n_frames, int(config.data["minimum_frames"]))
    return loaded


def _from_simulator(config: Config) -> LoadedPairs:
    """Subjects of the simulator: the last of them are held out."""
    data = config.data
    count, seed = int(data["subjects"]), int(data["subject_seed"])
    if not count:
        raise EiferError(
            "No folder with sessions was named.",
            "Name one with --data, or set data.subjects to learn from the simulator.",
        )
    scheme = str(data["scheme"] or "fridlund")
    muscles, space = muscles_of(scheme), get_space(str(data["space"] or "arkit52"))
    rate = float(data["rate_hz"])
    place = Path(str(data["cache"])) if data["cache"] else cache_folder() / "emg_sessions"
    made = sessions(place, scheme, range(count), seed, processes=int(data["processes"]))
    by_subject = [
        pairs_of_session(session, str(data["preset"]), muscles, space, rate) for session in made
    ]
    held = max(1, round(float(data["validation_share"]) * count)) if count > 1 else 0
    listed = [[p for pairs in part for p in pairs] for part in _cut(by_subject, count - held)]
    sentence = (
        f"{count - held} simulated subjects (seed {seed}, numbers 0 to {count - held - 1}), each "
        f"with rest, eleven movements, posed emotions and free mimicry; {held} more to validate"
    )
    return LoadedPairs(listed[0], listed[1] or listed[0], muscles, space, rate, scheme, sentence)


def _cut(items: Sequence[list[Pair]], at: int) -> tuple[Sequence[list[Pair]], Sequence[list[Pair]]]:
    return items[:at], items[at:]


@dataclass(frozen=True)
class _Read:
    """A clip as activity and track, with whose it is."""

    activity: Activity
    track: Any
    names: tuple[str, str, str]
    key: tuple[str, str, str]


def _from_folders(config: Config) -> LoadedPairs:
    data = config.data
    chosen = usable(find_sessions(list(data["folders"])), needs=("emg", "track"))
    for note in chosen.notes:
        warnings.warn(note, stacklevel=2)
    parts = split(
        chosen.sessions, _way(data), config.seed,
        validation_share=float(data["validation_share"]), test_share=float(data["test_share"]),
    )  # fmt: skip
    read = [one for session in chosen.sessions for one in _read_session(session, data)]
    space = get_space(str(data["space"] or read[0].track.space.name))
    muscles = _muscles(read, str(data["scheme"]))
    begin = first_model(config, [one.activity for one in read], space.name)
    if begin is not None:
        muscles = begin.inputs if config.task == "emg2exp" else begin.outputs
    rate = float(data["rate_hz"])
    pairs = {
        one.key: pair_of(one.activity, one.track, muscles, space, rate, one.names) for one in read
    }

    def of(side: Sequence[SessionClips]) -> list[Pair]:
        return [pairs[_key(s, clip)] for s in side for clip in s.clips if _key(s, clip) in pairs]

    schemes = {scheme_of(one.activity) for one in read}
    train = of(parts.train)
    return LoadedPairs(
        train, of(parts.val) or train, muscles, space, rate,
        str(data["scheme"]) or (schemes.pop() if len(schemes) == 1 else ""),
        f"{describe(chosen.sessions)}; {parts.sentence}",
        float(np.median([one.activity.delay_ms for one in read])),
    )  # fmt: skip


def _way(data: Mapping[str, Any]) -> str:
    """How to split: as asked, or by movement where one subject is all there is."""
    return "auto" if str(data["split_by"]) == "subject" else str(data["split_by"])


def _key(session: SessionClips, clip: Clip) -> tuple[str, str, str]:
    return session.subject, session.session, clip.name


def _muscles(read: Sequence[_Read], scheme: str) -> tuple[str, ...]:
    """Those of the scheme, else all that were recorded, in canonical order first."""
    if scheme:
        return muscles_of(scheme)
    there = {muscle for one in read for muscle in one.activity.muscles}
    known = [muscle for muscle in muscles_of("fridlund") if muscle in there]
    return (*known, *sorted(there - set(known)))


def _read_session(session: SessionClips, data: Mapping[str, Any]) -> list[_Read]:
    """Clips of a session; raw EMG and envelopes are normalised by its own movements."""
    signals = {clip.name: clip.read_emg() for clip in session.clips}
    recordings = {name: one for name, one in signals.items() if isinstance(one, Recording)}
    preset = str(data["preset"])
    profile = _profile(session, recordings, preset) if recordings else None
    found = []
    for clip in session.clips:
        signal = signals[clip.name]
        if isinstance(signal, Recording):
            signal = to_activity(signal, preset=preset, profile=profile)
        track = clip.read_track(str(data["track"]) or None)
        movement = clip.movement or clip.name
        found.append(
            _Read(signal, track, (session.subject, session.session, movement), _key(session, clip))
        )
    return found


def _profile(
    session: SessionClips, recordings: Mapping[str, Recording], preset: str
) -> Profile | dict[str, Any]:
    """The session's calibration: by its movements, or by everything that was recorded."""
    moves = [c for c in session.clips if c.mode == _CALIBRATING and c.name in recordings]
    if len(moves) >= _FEWEST_MOVEMENTS:
        whole, _ = joined([recordings[c.name] for c in moves], [c.movement for c in moves])
        return calibrate(whole, preset=preset)
    activities = [to_activity(r, preset=preset) for r in recordings.values()]
    muscles = activities[0].muscles
    same = [a for a in activities if a.muscles == muscles]
    levels = np.concatenate([a.values * a.scale + a.baseline for a in same])
    own = normalise(levels, same[0].rate_hz, muscles)
    entries = zip(muscles, own.baseline, own.scale, strict=True)
    return {
        "format_version": 1,
        "muscles": {m: {"baseline": float(b), "scale": float(s)} for m, b, s in entries},
    }
