"""What a take remembers: everything that is needed to make its keys again from the recording.

A `Recipe` stands as JSON in the custom property ``eifer_recipe`` of the take's action. Montage
and profile are kept whole, because their files may not be where the .blend is opened next.
"""

from __future__ import annotations

import functools
import glob
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

from .. import api
from ..errors import EiferError
from ..expression_link import BASELINE
from ..seals import RECIPE
from ..signals.edits import Edits
from ..signals.journal_format import SUFFIX
from ..signals.origin import FORMAT_VERSION, hash_of
from ..signals.pairs import with_pairs
from .keyframes import PREFIX

if TYPE_CHECKING:
    from ..signals.activity import Activity
    from ..signals.quality import Quality
    from ..signals.recording import Recording
    from ..track import ExpressionTrack

KEY = PREFIX + RECIPE
QUALITY = f"{PREFIX}quality"
#: Activities that stay in memory; a minute of 22 channels takes half a megabyte.
_KEPT = 8
#: Of recordings with more numbers than this, channels that stand for nothing are not judged.
_JUDGED_WHOLE = 30_000_000
#: Headers that may name samples of another stem.
_NAMES_OTHERS = (".vhdr", ".vmrk")
_activities: dict[str, Activity] = {}
#: By path: sizes and dates of the files when they were read, and the hash that was found.
_seen: dict[Path, tuple[tuple[Any, ...], str]] = {}


@dataclass(frozen=True)
class Recipe:
    """How a take was made.

    Attributes
    ----------
    file, sha256 : str
        The recording.
    reader : mapping
        Readers' choices, such as ``rate_hz`` or ``stream``.
    preset : str
        The filter preset of the import; the edits may name another.
    rate_hz : float or None
        Frames per second that were asked for.
    montage : mapping or None
        Channel to muscle, as it was understood at the import.
    profile : mapping or None
        The subject's calibration, whole.
    repair : mapping
        Channel to what was done about it.
    unmix : bool
        Whether the profile's cross-talk was taken out.
    fill : str
        What stands for muscles that were not recorded: ``"rest"`` or ``"mirror"``.
    model, model_sha256 : str
        The model's name or file (empty for the profile's gains, or else the baseline) and its
        hash.
    edits : Edits
    """

    file: str
    sha256: str
    reader: Mapping[str, Any] = field(default_factory=dict)
    preset: str = "clinical"
    rate_hz: float | None = None
    montage: Mapping[str, str | None] | None = None
    profile: Mapping[str, Any] | None = None
    repair: Mapping[str, str] = field(default_factory=dict)
    unmix: bool = False
    fill: str = "rest"
    model: str = ""
    model_sha256: str = ""
    edits: Edits = field(default_factory=Edits)

    def as_json(self) -> str:
        """What is stored on the action."""
        document = asdict(self) | {"edits": self.edits.as_document()}
        return json.dumps({"format_version": FORMAT_VERSION, **document})

    def activity(self, path: Path) -> Activity:
        """Activity before the edits, from memory where the files at `path` are as they were.

        Raises
        ------
        EiferError
            When the recording is another one than the take was made from.
        """
        key = self._key
        signature = signature_of(path)
        if key in _activities and _seen.get(path) == (signature, self.sha256):
            return _activities[key]
        recording = self._read(path)
        if hash_of(recording, path) != self.sha256:
            raise EiferError(
                f"The recording {path} has changed since the take was made.",
                "Import it again, or point to the recording as it was.",
            )
        options: dict[str, Any] = {
            "preset": self.edits.preset or self.preset, "rate_hz": self.rate_hz,
            "montage": self.montage, "profile": self.profile, "repair": dict(self.repair),
            "unmix": self.unmix,
        }  # fmt: skip
        if recording.source.get("gaps"):
            from ..live.remade import activity_of_stretches

            made = activity_of_stretches(path, **options)
        else:
            made = api.to_activity(recording, **options)
        self.keep(made, path, signature)
        return made

    def quality(self, path: Path) -> Quality:
        """What is to be said about the channels of the recording at `path`."""
        used = [channel for channel, target in (self.montage or {}).items() if target]
        return judged(self._read(path), used)

    def _read(self, path: Path) -> Recording:
        """The recording; of a live take all stretches, where the recipe does not choose one."""
        if path.suffix.lower() == SUFFIX and "segment" not in self.reader:
            from ..live.takes import take_recording

            return take_recording(path)
        return api.read_recording(path, **self.reader)

    def keep(self, activity: Activity, path: Path, signature: tuple[Any, ...]) -> None:
        """Keep an activity before its edits in memory, so that the next change is quick.

        Parameters
        ----------
        activity : Activity
        path : pathlib.Path
            The recording.
        signature : tuple
            What :func:`signature_of` gave before the recording was read.
        """
        _seen[path] = (signature, self.sha256)
        _activities.pop(self._key, None)
        while len(_activities) >= _KEPT:
            _activities.pop(next(iter(_activities)))
        _activities[self._key] = activity

    @property
    def _key(self) -> str:
        """What an activity before its edits depends on."""
        preset = self.edits.preset or self.preset
        return json.dumps([
            self.sha256, dict(self.reader), preset, self.rate_hz, self.montage, self.profile,
            dict(self.repair), self.unmix,
        ])  # fmt: skip

    def track(self, edited: Activity, *, any_model: bool = False) -> ExpressionTrack:
        """The track of an edited activity.

        Raises
        ------
        EiferError
            When the model is another one than the take was made with, unless `any_model`.
        """
        track = api.emg_to_expression(edited, model=self._model(edited), fill=self.fill)
        found = str(track.provenance.get("model_sha256", ""))
        if not any_model and self.model_sha256 and found != self.model_sha256:
            raise EiferError(
                f"The take was made with another model than '{track.provenance.get('model')}'.",
                "Allow another model, or install the version of EIFER that made the take.",
            )
        from ..live.remade import without_gaps

        return without_gaps(track, edited)

    def _model(self, edited: Activity) -> str | None:
        """The model; without one the profile's gains where there are some, else the baseline."""
        if self.model:
            return self.model
        return None if edited.source.get("gains") else BASELINE


def note_recipe(action: bpy.types.Action, recipe: Recipe) -> None:
    """Write the recipe on a take's action."""
    action[KEY] = recipe.as_json()


def judged(
    recording: Recording, used: Sequence[str], on_progress: Callable[[float], None] | None = None
) -> Quality:
    """The quality of all channels of a recording, and of the pairs among those that are used.

    Of a very long recording only the channels that are used are judged, which takes its time.

    `on_progress` is told the share that is done before every stretch that is read.
    """
    with_all = with_pairs(recording, used)
    if on_progress is not None:
        with_all = _telling(with_all, on_progress)
    names = list(dict.fromkeys(used))
    if with_all.n_samples * len(with_all.channels) <= _JUDGED_WHOLE or not names:
        names = list(with_all.channels)
    return api.check_quality(with_all, names)


def _telling(recording: Recording, on_progress: Callable[[float], None]) -> Recording:
    """The same recording, which tells how much of it was read; it is judged in two rounds."""
    read, whole = [0], 2 * max(1, recording.n_samples)

    def read_samples(start: int, stop: int) -> np.ndarray:
        on_progress(min(1.0, read[0] / whole))
        read[0] += stop - start
        return recording.read_samples(start, stop)

    return replace(recording, read_samples=read_samples)


def note_quality(action: bpy.types.Action, quality: Quality) -> None:
    """Note on a take's action what was found about the recording's channels."""
    action[QUALITY] = json.dumps({c.channel: [c.level, c.sentence] for c in quality.channels})


def quality_of(action: Any) -> dict[str, tuple[str, str]]:
    """Level and sentence by channel; empty where the recording was not judged."""
    try:
        found = json.loads(str(action.get(QUALITY, "{}")))
        return {str(name): (str(level), str(text)) for name, (level, text) in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def has_recipe(action: Any) -> bool:
    """Whether a take can be made again."""
    return action is not None and KEY in action


def recipe_of(action: bpy.types.Action) -> Recipe:
    """Read the recipe of a take.

    Raises
    ------
    EiferError
        When the action has none, or one that cannot be read.
    """
    if not has_recipe(action):
        raise EiferError(
            f"The take '{action.name}' does not remember a recording.",
            "Import the recording again.",
        )
    return _parsed(str(action[KEY]), action.name)


@functools.lru_cache(maxsize=32)
def _parsed(text: str, take: str) -> Recipe:
    """The recipe in a text; panels ask at every redraw."""
    try:
        document = dict(json.loads(text))
        if int(document.pop("format_version")) > FORMAT_VERSION:
            raise EiferError(f"The take '{take}' needs a newer EIFER.", "Update the add-on.")
        edits = Edits.from_document(document.pop("edits", {}))
        return Recipe(**document, edits=edits)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EiferError(
            f"What the take '{take}' remembers is damaged.", "Import the recording again."
        ) from error


def find_recording(recipe: Recipe, named: str = "") -> Path:
    """Where the recording is: where the user says, where it was, or beside the .blend.

    Raises
    ------
    EiferError
        When it is at none of these places.
    """
    places = [Path(bpy.path.abspath(named))] if named else list(_places(recipe))
    for place in places:
        if place.exists():
            return place
    gone = places[0]
    raise EiferError(f"The recording {gone} is gone.", "Put it beside the .blend, or point to it.")


def _places(recipe: Recipe) -> Iterator[Path]:
    yield Path(recipe.file)
    if bpy.data.filepath:
        # The file may have been noted on another system, with other separators.
        name = recipe.file.replace("\\", "/").rpartition("/")[2]
        yield Path(bpy.data.filepath).parent / name


def forget_activities() -> None:
    """Empty the memory of activities."""
    _activities.clear()
    _seen.clear()


def signature_of(path: Path) -> tuple[Any, ...]:
    """Name, size and date of all files of a recording; formats spread over files share a stem."""
    if path.is_dir():
        files = set(path.rglob("*"))
    else:
        files = set(path.parent.glob(f"{glob.escape(path.stem)}.*"))
        if path.suffix.lower() in _NAMES_OTHERS:
            files |= set(path.parent.glob("*.eeg"))
    stats = [(str(file), file.stat()) for file in sorted(files) if file.is_file()]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
