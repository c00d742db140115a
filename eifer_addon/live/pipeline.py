"""The pipeline: samples in, muscle activity and coefficients out, live, replayed and offline alike.

montage → causal filters → rest and scale → model → conditioning. Frames come at every k-th
sample, counted from the first one, and every step works sample by sample or frame by frame. So
what comes out does not depend on how samples are cut into chunks, bit for bit, and `state` at any
sample is all that a replay needs to go on from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...models.choosing import open_model
from ...models.emg2exp import check_live, default_model, input_columns, missing_value
from ...models.sessions import Model
from ...models.streaming import FrameRunner
from ..errors import EiferError
from ..signals.causal import CausalChain
from ..signals.filters import BAND_HZ, SHRUNK, find_mains
from ..signals.gains import ExpressionGains
from ..signals.normalise import load_document
from ..signals.presets import get_preset
from ..signals.readers.base import LOWEST_RAW_RATE_HZ
from ..signals.recording import Recording
from ..spaces import get_space
from .conditioning import Conditioner
from .front import ChannelFront, Return
from .running_scale import RunningScale
from .settings import Conditioning, LiveSettings

#: Frames come at least this often where the sampling rate allows it: a sample waits less than
#: 2 ms for its frame.
FRAME_RATE_HZ = 500.0
#: What is listened to before notches are set. Noise seems to hum now and then, but not at the
#: same frequency in both halves.
LISTENING_S = 4.0
_SAME_HUM_HZ = 0.15
_BLOCK_S = 1.0
_VOLTS = {"V": 1.0, "mV": 1e-3, "uV": 1e-6, "nV": 1e-9}


@dataclass(frozen=True)
class Frames:
    """What came out of some samples.

    Attributes
    ----------
    timestamps : numpy.ndarray
        float64 (n_frames,), of the sample that each frame ends with, in s.
    activity : numpy.ndarray
        float32 (n_frames, n_muscles).
    coefficients : numpy.ndarray
        float32 (n_frames, n_coefficients).
    """

    timestamps: np.ndarray
    activity: np.ndarray
    coefficients: np.ndarray

    def __len__(self) -> int:
        return len(self.timestamps)

    @classmethod
    def joined(cls, parts: Iterable[Frames]) -> Frames:
        """Frames one after the other; at least one part is needed."""
        listed = list(parts)
        return cls(
            np.concatenate([p.timestamps for p in listed]),
            np.concatenate([p.activity for p in listed]),
            np.concatenate([p.coefficients for p in listed]),
        )


class LivePipeline:
    """See the module.

    Parameters
    ----------
    channels : tuple of str
    rate_hz : float
    units : tuple of str
        One per channel.
    settings : LiveSettings
    model : Model, optional
        Instead of the one that the settings name.

    Attributes
    ----------
    muscles : tuple of str
        Columns of the activity.
    space : ExpressionSpace
        Of the coefficients.
    frame_rate_hz : float
    delay_ms : dict of str to float
        By part: ``filter``, ``model``, ``one_euro``.
    mains : tuple of float or None
        Notches in Hz; None while it still listens for hum.

    Raises
    ------
    EiferError
        When no channel belongs to a muscle, the rate is too low for raw EMG, or model or profile
        do not fit.
    """

    def __init__(
        self,
        channels: tuple[str, ...],
        rate_hz: float,
        units: tuple[str, ...],
        settings: LiveSettings,
        model: Model | None = None,
    ) -> None:
        self.rate_hz, self.settings = float(rate_hz), settings
        _check_rate(self.rate_hz, envelopes=settings.envelopes)
        profile = {} if settings.profile is None else dict(load_document(settings.profile))
        self.front = ChannelFront(
            channels, rate_hz, settings.montage, profile, settings.unmix,
            None if settings.envelopes else units,
        )  # fmt: skip
        self.muscles = self.front.montage.muscles
        self.step = max(1, int(rate_hz // FRAME_RATE_HZ))
        self.frame_rate_hz = self.rate_hz / self.step
        units_of = dict(zip(channels, units, strict=True))
        units_of |= {name: units_of[pair[0]] for name, pair in self.front.montage.pairs.items()}
        driving = [units_of[name] for name in self.front.montage.channels.values()]
        entries = _entries_in_units(profile.get("muscles", {}), self.muscles, driving)
        self.scale = RunningScale(self.muscles, self.frame_rate_hz, entries)
        self.model = check_live(model or _model(settings, profile), self.front.montage.channels)
        self.columns, self.notes = input_columns(self.muscles, self.model, settings.fill)
        self._driven = [k for k, column in enumerate(self.columns) if column is not None]
        self._driving = [column for column in self.columns if column is not None]
        self.runner = FrameRunner(self.model)
        self.space = get_space(self.model.card.space)
        self.conditioner = Conditioner(settings.conditioning, self.space, self.frame_rate_hz)
        self.update(settings.conditioning)
        self.n_samples = self.n_frames = 0
        self._newest = np.zeros(len(self.space), np.float32)
        self.mains: tuple[float, ...] | None = None
        self._heard: list[np.ndarray] = []
        self._listened = 0
        self._chain: CausalChain | None = None
        if not settings.envelopes:
            mains = settings.mains_hz
            self._set_chain(None if mains is None else _harmonics(mains, self.rate_hz))

    @property
    def delay_ms(self) -> dict[str, float]:
        """Delay by part, in ms; the smoothing's is the longest, that at rest."""
        own_hz = self._own_rate_hz
        return {
            "filter": 0.0 if self._chain is None else self._chain.delay_ms,
            # What the model sees is on average half of its own step old.
            "model": round(500.0 / own_hz, 1) if own_hz else 0.0,
            "one_euro": round(self.settings.conditioning.delay_ms, 1),
        }

    @property
    def words(self) -> tuple[str, ...]:
        """All steps in words, in order."""
        chain = ("the channels are envelopes",) if self._chain is None else self._chain.words
        return (*self.front.words, *chain, f"every {self.step}. sample is a frame")

    @property
    def _own_rate_hz(self) -> float:
        """Rate of a model that remembers and was made for a rate below that of the frames."""
        rate = self.model.card.rate_hz
        return rate if rate and self.runner.remembers and rate < self.frame_rate_hz else 0.0

    def update(self, conditioning: Conditioning) -> None:
        """Go on with other conditioning from the next sample on."""
        self.settings = self.settings.with_conditioning(conditioning)
        gains = conditioning.gains
        self._gains = np.array([
            gains.get(m, gains.get(m.partition(".")[0], 1.0)) for m in self.muscles
        ], np.float32)  # fmt: skip
        self.conditioner.set(conditioning)

    def restart(self) -> None:
        """Begin the filters and the model anew, after a gap; rest and scale stay as found."""
        if self._chain is not None:
            self._chain.reset()
        self.runner.reset()
        if self.mains is None:
            self._heard, self._listened = [], 0

    def process(self, samples: np.ndarray, timestamps: np.ndarray) -> Frames:
        """Frames out of the next samples.

        Parameters
        ----------
        samples : numpy.ndarray
            (n_channels, n) in the channels' units; n may be anything from 0.
        timestamps : numpy.ndarray
            float64 (n,) in s.

        Returns
        -------
        Frames
        """
        n = samples.shape[1]
        if self.mains is None and self._chain is not None:
            left = round(LISTENING_S * self.rate_hz) - self._listened
            if n >= left:  # notches begin at a fixed sample
                first = self._advance(samples[:, :left], timestamps[:left])
                self._end_listening()
                rest = self._advance(samples[:, left:], timestamps[left:])
                return Frames.joined((first, rest))
        return self._advance(samples, timestamps)

    def run(self, recording: Recording, block_s: float = _BLOCK_S) -> Frames:
        """Frames of a whole recording, in its own time."""
        block = max(1, round(block_s * self.rate_hz))
        parts = []
        for start in range(0, recording.n_samples, block):
            stop = min(start + block, recording.n_samples)
            times = np.arange(start, stop) / self.rate_hz
            parts.append(self.process(recording.data(start, stop), times))
        return Frames.joined(parts)

    def _advance(self, samples: np.ndarray, timestamps: np.ndarray) -> Frames:
        n = samples.shape[1]
        first = self.step - 1 - self.n_samples % self.step
        self.n_samples += n
        if n == 0:
            return self._frames(np.zeros((0, len(self.muscles))), None, timestamps[:0])
        used, lost, returns = self.front.process(samples)
        if self._chain is None:
            envelopes = np.maximum(used, 0.0)
        else:
            if self.mains is None:
                self._hear(used, returns)
            envelopes = _enveloped(self._chain, used, returns)
        here = slice(first, None, self.step)
        columns = self.front.columns
        away = None if lost is None else lost[columns, here].T
        return self._frames(envelopes[columns, here].T, away, timestamps[here])

    def _frames(
        self, envelopes: np.ndarray, lost: np.ndarray | None, timestamps: np.ndarray
    ) -> Frames:
        activity = self.scale.process(envelopes, lost)
        missing = missing_value(self.model)
        inputs = np.full((len(activity), len(self.columns)), missing, np.float32)
        driven = activity * self._gains
        inputs[:, self._driven] = driven[:, self._driving]
        coefficients = self.conditioner.process(self._modelled(inputs))
        self.n_frames += len(activity)
        return Frames(timestamps.copy(), activity, coefficients)

    def _modelled(self, inputs: np.ndarray) -> np.ndarray:
        own_hz = self._own_rate_hz
        if not own_hz:
            return self.runner.run(inputs)
        steps = (self.n_frames + np.arange(len(inputs) + 1)) * (own_hz / self.frame_rate_hz)
        due = np.diff(np.floor(steps)) > 0
        result = np.empty((len(inputs), len(self.space)), np.float32)
        for k, frame in enumerate(inputs):
            if due[k]:
                self._newest = self.runner.run(frame[None])[0]
            result[k] = self._newest
        return result

    def _hear(self, used: np.ndarray, returns: tuple[Return, ...]) -> None:
        """Keep samples to listen to; a channel that comes back was always where it is now."""
        kept = used.copy()
        for back in returns:
            level = used[back.channels, back.at][:, None]
            kept[back.channels, : back.at] = level
            for part in self._heard:
                part[back.channels] = level
        self._heard.append(kept)
        self._listened += kept.shape[1]

    def _end_listening(self) -> None:
        """Set the notches, and let the new filters hear what has been heard so far."""
        heard = np.concatenate(self._heard, axis=1)
        self._heard, self._listened = [], 0
        self._set_chain(_mains(heard, self.rate_hz))
        assert self._chain is not None
        self._chain.process(heard)

    def _set_chain(self, mains: tuple[float, ...] | None) -> None:
        preset = get_preset(self.settings.preset)
        self._chain = CausalChain(preset, self.rate_hz, len(self.front.used), mains or ())
        self.mains = mains

    def state(self) -> dict[str, np.ndarray]:
        """All that the next sample depends on, as arrays; for :meth:`restore`."""
        mains = np.array([np.nan] if self.mains is None else self.mains, np.float64)
        heard = self._heard or [np.zeros((len(self.front.used), 0))]
        parts: dict[str, Mapping[str, np.ndarray]] = {
            "own": {
                "counters": np.array([self.n_samples, self.n_frames]), "mains": mains,
                "heard": np.concatenate(heard, axis=1), "newest": self._newest.copy(),
            },
            "front": self.front.state(), "scale": self.scale.state(),
            "chain": {} if self._chain is None else self._chain.state(),
            "runner": self.runner.state(), "conditioner": self.conditioner.state(),
        }  # fmt: skip
        return {f"{part}/{name}": a for part, state in parts.items() for name, a in state.items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what :meth:`state` gave, of a pipeline with the same settings."""
        parts: dict[str, dict[str, np.ndarray]] = {}
        for key, array in state.items():
            part, _, name = key.partition("/")
            parts.setdefault(part, {})[name] = array
        own = parts["own"]
        self.n_samples, self.n_frames = (int(k) for k in own["counters"])
        self._newest = np.array(own["newest"], np.float32)
        mains, heard = own["mains"], np.array(own["heard"])
        if self._chain is not None:
            listening = bool(np.isnan(mains).any())
            self._set_chain(None if listening else tuple(float(f) for f in mains))
            self._heard, self._listened = ([heard] if heard.size else []), heard.shape[1]
            self._chain.restore(parts.get("chain", {}))
        self.front.restore(parts["front"])
        self.scale.restore(parts["scale"])
        self.runner.restore(parts["runner"])
        self.conditioner.restore(parts.get("conditioner", {}))


def _enveloped(chain: CausalChain, used: np.ndarray, returns: tuple[Return, ...]) -> np.ndarray:
    """Envelopes; the filters of channels that come back begin anew there."""
    if not returns:
        return chain.process(used)
    parts, start = [], 0
    for back in returns:
        parts.append(chain.process(used[:, start : back.at]))
        chain.restart_channels(back.channels, used[:, back.at])
        start = back.at
    return np.concatenate([*parts, chain.process(used[:, start:])], axis=1)


def _model(settings: LiveSettings, profile: Mapping[str, Any]) -> Model:
    """The named model, else the profile's expression gains, else the baseline."""
    if settings.model and settings.model != "baseline":
        return open_model(settings.model, "emg2exp")
    if not settings.model and profile.get("gains"):
        return ExpressionGains.from_document(profile["gains"]).as_model()
    return default_model()


def _check_rate(rate_hz: float, *, envelopes: bool) -> None:
    if not np.isfinite(rate_hz) or rate_hz <= 0:
        raise EiferError("The source has no regular sampling rate.", "Choose another stream.")
    if not envelopes and rate_hz < LOWEST_RAW_RATE_HZ:
        raise EiferError(
            f"The source is sampled at {rate_hz:g} Hz, too slow for raw EMG (at least "
            f"{LOWEST_RAW_RATE_HZ:g} Hz).",
            "Stream the raw signal, or say that the channels are envelopes already.",
        )


def _mains(heard: np.ndarray, rate_hz: float) -> tuple[float, ...]:
    """Mains hum (n_channels, n) that is there all the time."""
    middle = heard.shape[1] // 2
    halves = [find_mains(part, rate_hz) for part in (heard[:, :middle], heard[:, middle:])]
    if not all(halves) or abs(halves[0][0] - halves[1][0]) > _SAME_HUM_HZ:
        return ()
    return find_mains(heard, rate_hz)


def _harmonics(mains_hz: float, rate_hz: float) -> tuple[float, ...]:
    """The mains frequency and its harmonics inside the EMG band; none for 0."""
    if not mains_hz:
        return ()
    highest = min(SHRUNK * rate_hz, BAND_HZ[1])
    return tuple(mains_hz * k for k in range(1, int(highest / mains_hz) + 1))


def _entries_in_units(
    entries: Mapping[str, Any], muscles: tuple[str, ...], units: list[str]
) -> dict[str, dict[str, float]]:
    """Baseline and scale of the profile's muscles in the units of the channels that are there."""
    found = {}
    for muscle, unit in zip(muscles, units, strict=True):
        if muscle not in entries:
            continue
        entry = entries[muscle]
        own = str(entry.get("unit", "?"))
        known = own in _VOLTS and unit in _VOLTS
        factor = _VOLTS[own] / _VOLTS[unit] if known and own != unit else 1.0
        found[muscle] = {key: float(entry[key]) * factor for key in ("baseline", "scale")}
    return found
