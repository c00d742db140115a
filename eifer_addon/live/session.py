"""The parent's side of a live session: starts the child, reads what it publishes, never waits.

For Blender's own process: no thread, no network library, and `poll` costs microseconds.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..files import cache_folder, write_error
from ..processes import Child
from ..signals.journal_format import free_name
from ..spaces import get_space
from .settings import Conditioning, LiveSettings
from .shared import SharedState, memory_folder

STATES = ("starting", "searching", "connected", "lost", "failed", "stopped")
#: A child that gives no sign of life for so long hangs.
_HANG_S, _START_S = 5.0, 30.0
#: So many deaths within so long are no accident.
_MOST_DEATHS, _DEATHS_S = 4, 120.0
_STOP_S = 5.0


@dataclass(frozen=True)
class TakeState:
    """The take that is being recorded, or the last one.

    Attributes
    ----------
    path : pathlib.Path
    state : str
        ``waiting`` (for samples), ``recording``, ``stopped`` or ``failed``.
    sentence : str
        Why it failed.
    seconds : float
    size_bytes : int
    parts : tuple of pathlib.Path
        Files before `path`, when the source changed its channels in between.
    """

    path: Path
    state: str = "waiting"
    sentence: str = ""
    seconds: float = 0.0
    size_bytes: int = 0
    parts: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """A session as it is now.

    Attributes
    ----------
    state : str
        One of `STATES`.
    sentence : str
        The same for a person.
    source : str
        Name of the stream or recording.
    rate_hz : float
        As measured.
    n_samples, n_lost, n_gaps, n_frames : int
        Since the connection.
    age_ms : float
        Age of the newest sample; NaN before the first.
    delay_ms : dict of str to float
        By part: ``chunk`` (of the device), ``filter``, ``model``, ``one_euro``.
    muscles, coefficient_names, channels : tuple of str
        Names of the entries below.
    activity, coefficients : numpy.ndarray
        float32, the newest frame.
    quality : numpy.ndarray
        uint8 by channel: 0 unknown, 1 good, 2 doubtful, 3 bad.
    quality_sentences : dict of str to str
        By channel that is not good.
    lost_channels : tuple of str
        Channels that give no numbers now; their muscles rest.
    space : str
    settled : bool
        Whether rest and scale are known; before, nothing moves.
    timestamp_s : float
        Of the newest frame, in the source's time.
    take : TakeState or None
    restarts : int
        How often the child had to be started again.
    status : dict
        Everything that the child tells.
    """

    state: str
    sentence: str
    source: str = ""
    rate_hz: float = 0.0
    n_samples: int = 0
    n_lost: int = 0
    n_gaps: int = 0
    n_frames: int = 0
    age_ms: float = float("nan")
    delay_ms: dict[str, float] = field(default_factory=dict)
    muscles: tuple[str, ...] = ()
    coefficient_names: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    activity: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    coefficients: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    quality: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint8))
    quality_sentences: dict[str, str] = field(default_factory=dict)
    lost_channels: tuple[str, ...] = ()
    space: str = ""
    settled: bool = False
    timestamp_s: float = 0.0
    take: TakeState | None = None
    restarts: int = 0
    status: dict[str, Any] = field(default_factory=dict)


class LiveSession:
    """A live session.

    Parameters
    ----------
    settings : LiveSettings
    """

    def __init__(self, settings: LiveSettings) -> None:
        self.settings = settings
        self._folder: Path | None = None
        self._shared: SharedState | None = None
        self._child: Child | None = None
        self._started_s = 0.0
        self._deaths: list[float] = []
        self._restarts = 0
        self._failure = ""
        self._take: dict[str, Any] | None = None
        self._commands = 0
        self._status_number = -1
        self._names: dict[str, Any] = {}
        self._silent_since: float | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id."""
        return None if self._child is None else self._child.pid

    @property
    def has_news(self) -> bool:
        """Whether something was published since the last `poll`; costs two looks at memory."""
        return self._shared is None or self._shared.has_news

    def start(self) -> None:
        """Start the child; `EiferError` when even that is impossible."""
        if self._child is not None:
            return
        self._folder = memory_folder()
        self._shared = SharedState.create(self._folder)
        self._deaths, self._restarts, self._failure = [], 0, ""
        self._spawn()

    def _spawn(self) -> None:
        assert self._folder is not None
        path = self._folder / "settings.json"
        try:
            path.write_text(json.dumps(self.settings.to_document()), "utf-8")
            self._child = Child(
                "live.child", str(self._folder), environment={"EIFER_CACHE": str(cache_folder())}
            )
        except OSError as error:
            raise write_error(path, error) from error
        self._started_s = time.monotonic()
        self._silent_since = None

    def poll(self, now: float | None = None) -> Snapshot:
        """The newest values, and a look after the child.

        Parameters
        ----------
        now : float, optional
            `time.monotonic`, when the caller has it.
        """
        now = time.monotonic() if now is None else now
        if self._child is None or self._shared is None:
            return Snapshot("failed" if self._failure else "stopped", self._failure or "Off.")
        if not self._child.is_alive:
            self._bury(now)
            return self.poll(now) if self._child is None else self._snapshot(now)
        self._check_pulse(now)
        return self._snapshot(now)

    def _bury(self, now: float) -> None:
        """A dead child is started again, unless it dies and dies."""
        assert self._child is not None
        assert self._shared is not None
        words, code = self._child.last_words(), self._child.exit_code
        self._child.close(0.0)
        self._deaths = [at for at in self._deaths if now - at < _DEATHS_S] + [now]
        if len(self._deaths) >= _MOST_DEATHS:
            self._failure = (
                f"The live process ended {len(self._deaths)} times in a row (exit code {code}"
                f"{': ' + words if words else ''}). Connect again, or choose another source."
            )
            self._release()
            return
        self._restarts += 1
        self._spawn()
        if self._take is not None:
            self._tell("record", **{**self._take, "append": True})

    def _check_pulse(self, now: float) -> None:
        """Kill a child that hangs; a dead one is started again."""
        assert self._child is not None
        assert self._shared is not None
        last = float(self._shared.read_values()["written_s"])
        if last < self._started_s:
            silent = now - self._started_s > _START_S
        else:
            silent = now - last > _HANG_S
        if not silent:
            self._silent_since = None
        elif self._silent_since is None:  # perhaps the whole machine slept
            self._silent_since = now
        elif now - self._silent_since > 1.0:
            self._child.close(0.0)

    def _snapshot(self, now: float) -> Snapshot:
        assert self._shared is not None
        number, status = self._shared.read_status()
        if not status or status.get("pid") != self.pid:
            again = " again" if self._restarts else ""
            return Snapshot(
                "starting", f"The live process is being started{again}.",
                restarts=self._restarts, take=self._take_state(None, {}),
            )  # fmt: skip
        if number != self._status_number:
            self._status_number, self._names = number, _names(status)
        values = self._shared.read_values()
        delay = {"chunk": round(float(values["chunk_ms"]), 2), **status.get("delay_ms", {})}
        newest = float(values["newest_s"])
        n_muscles = len(self._names["muscles"])
        n_coefficients = len(self._names["coefficient_names"])
        return Snapshot(
            state=status["state"], sentence=status["sentence"],
            source=str(status.get("source", {}).get("name", "")),
            rate_hz=float(values["rate_hz"]), n_samples=int(values["n_samples"]),
            n_lost=int(values["n_lost"]), n_gaps=int(values["n_gaps"]),
            n_frames=int(values["n_frames"]),
            age_ms=1000.0 * (now - newest) if newest else float("nan"), delay_ms=delay,
            activity=values["activity"][:n_muscles],
            coefficients=values["coefficients"][:n_coefficients],
            quality=values["quality"][: len(self._names["channels"])],
            quality_sentences=status.get("quality", {}), space=status.get("space", ""),
            settled=bool(status.get("settled", False)),
            timestamp_s=float(values["timestamp_s"]),
            take=self._take_state(values, status.get("take", {})), restarts=self._restarts,
            status=status, **self._names,
        )  # fmt: skip

    def _take_state(self, values: np.ndarray | None, told: dict[str, Any]) -> TakeState | None:
        mine = None if self._take is None else self._take["path"]
        if mine is not None and mine not in (told.get("path"), *told.get("parts", ())):
            return TakeState(Path(mine))
        if told.get("path") is None:
            return None
        running = values is not None and told.get("state") == "recording"
        return TakeState(
            Path(told["path"]), str(told.get("state", "")), str(told.get("sentence", "")),
            float(values["journal_s"]) if values is not None else 0.0,
            int(values["journal_bytes"]) if values is not None and running else 0,
            tuple(Path(part) for part in told.get("parts", ())),
        )  # fmt: skip

    def update(self, conditioning: Conditioning) -> None:
        """Change gain, dead zone, smoothing and clamping while live."""
        self.settings = self.settings.with_conditioning(conditioning)
        self._tell("update", conditioning=asdict(conditioning))

    def mark(self, name: str) -> None:
        """Note an event in the take, at this moment."""
        self._tell("mark", name=name, at_s=time.monotonic())

    def record(self, name: str = "") -> Path:
        """Begin a take.

        Parameters
        ----------
        name : str
            The file is called like it, with a number where that name is taken.

        Returns
        -------
        pathlib.Path
            Of the journal. Whether it could be begun is told by `Snapshot.take`.
        """
        if self._child is None:
            raise EiferError("Nothing is connected.", "Connect first.")
        if self._take is not None:
            raise EiferError("A take is being recorded already.", "Stop it first.")
        folder = Path(self.settings.journal_folder or cache_folder() / "takes")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(folder, error) from error
        path = free_name(folder, name)
        self._take = {"path": str(path), "name": name or path.stem}
        self._tell("record", **self._take)
        return path

    def stop_recording(self, patience_s: float = _STOP_S) -> Path:
        """End the take and wait until its journal is closed, which takes milliseconds.

        Returns
        -------
        pathlib.Path
            Of the journal.

        Raises
        ------
        EiferError
            When there is no take, or nothing of it could be written.
        """
        if self._take is None:
            raise EiferError("No take is being recorded.", "Press Record first.")
        path, self._take = Path(self._take["path"]), None
        self._tell("stop_recording")

        def told() -> TakeState | None:
            take = self.poll().take  # perhaps still the one before
            return take if take is not None and path in (take.path, *take.parts) else None

        def closed() -> bool:
            take = told()
            return take is not None and take.state in ("stopped", "failed")

        self._wait(closed, patience_s)
        take = told()
        path = path if take is None else take.path
        if not path.is_file():
            raise EiferError(f"The take {path.name} holds nothing.", take.sentence if take else "")
        return path

    def _wait(self, done: Callable[[], bool], patience_s: float) -> None:
        until = time.monotonic() + patience_s
        while not done() and time.monotonic() < until:
            time.sleep(0.002)

    def _tell(self, task: str, **values: Any) -> None:
        self._commands += 1
        if self._child is not None:
            self._child.send({"do": task, "id": self._commands, **values})

    def close(self, *, abandon: bool = False) -> None:
        """End take and child; with `abandon` the take counts as cut off, and can be recovered."""
        if self._child is not None:
            if not abandon:
                self._tell("stop")
            self._child.close()
        self._take, self._failure = None, ""
        self._release()

    def _release(self) -> None:
        self._child = None
        if self._shared is not None:
            self._shared.close(remove=True)
        if self._folder is not None:
            with contextlib.suppress(OSError):
                (self._folder / "settings.json").unlink(missing_ok=True)
                self._folder.rmdir()
        self._shared = self._folder = None


def _names(status: dict[str, Any]) -> dict[str, Any]:
    """Names that change seldom, out of the status."""
    space = status.get("space")
    return {
        "muscles": tuple(status.get("muscles", ())),
        "coefficient_names": get_space(space).coefficients if space else (),
        "channels": tuple(status.get("channels", ())),
        "lost_channels": tuple(status.get("lost_channels", ())),
    }
