"""Everything that is live in this Blender: connection, avatars, recording, calibration, audition.

Nothing here waits or knows of timers: whoever drives it calls :meth:`LiveDriver.step` with the
time, a timer in a window and a loop in tests.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import bpy

from ..errors import EiferError
from ..live.player import Player, PlayerState
from ..live.session import LiveSession, Snapshot
from ..live.source_watch import SourceWatch
from ..live.stream_facts import StreamSelector
from .live_audition import Audition
from .live_avatars import restore_all
from .live_calibration import Calibration
from .live_faces import Faces
from .live_recorder import Recorder
from .live_settings import conditioning_of, live_of, session_settings
from .live_sources import show_streams
from .live_takes import file_of, load_take

if TYPE_CHECKING:
    from ..live.settings import LiveSettings

#: Seconds between steps while something moves, and while only lists are kept.
FAST_S, SLOW_S = 1.0 / 60.0, 0.25
#: Sliders and lists are looked at so often.
_SELDOM_S = 0.1
#: The list of streams is no longer kept when its panel was not drawn for so long.
_UNSEEN_S = 60.0
#: After so long without our own stream the list is begun anew.
_MISSED_S = 10.0
_ENDED = ("failed", "stopped")
_OFF = Snapshot("stopped", "Not connected.")


class LiveDriver:
    """See the module; there is one per Blender.

    Attributes
    ----------
    session : LiveSession or None
        None while nothing is connected.
    snapshot : Snapshot
        As of the last step.
    faces : Faces
        The avatars that follow.
    message, is_alarm : str, bool
        What a person should know, and whether something went wrong.
    recorder : Recorder
    calibration : Calibration or None
    audition : Audition or None
    tick_s : float
        Seconds between steps, as measured.
    """

    def __init__(self) -> None:
        self.session: LiveSession | None = None
        self.snapshot = _OFF
        self.faces = Faces()
        self.message, self.is_alarm = "", False
        self.recorder = Recorder(self)
        self.calibration: Calibration | None = None
        self.audition: Audition | None = None
        self.tick_s = FAST_S
        self.player = Player()
        self.playing = PlayerState("stopped", "", self.player.poll().report)
        self._watch = SourceWatch()
        self._looks, self._seen_s, self._missed_s = False, 0.0, 0.0
        self._scene = ""
        self._last_s = self._seldom_s = -math.inf

    # What is asked for from outside.

    @property
    def is_connected(self) -> bool:
        """Whether a session runs, connected or still searching."""
        return self.session is not None

    @property
    def player_selector(self) -> StreamSelector | None:
        """How the simulated subject's stream is found; None while it is not played."""
        if not self.player.is_running:
            return None
        return StreamSelector(source_id=self.player.settings.stream_source_id)

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do at all, so that no timer is needed."""
        rests = self.session is None and self.audition is None and not self.player.is_running
        return rests and not self._watch.is_running

    def scene(self) -> bpy.types.Scene:
        """The scene that was connected, or the present one when it is gone."""
        scene: Any = bpy.data.scenes.get(self._scene) or bpy.context.scene
        return scene

    def look(self, now: float) -> None:
        """Keep the list of streams from now on, and begin it anew."""
        self._looks, self._seen_s = True, now
        if self._watch.is_running:
            self._watch.refresh()
        else:
            self._watch.start()

    def seen(self, now: float) -> None:
        """The list of streams is on the screen."""
        self._seen_s = now

    @property
    def looks(self) -> bool:
        """Whether the list of streams was asked for."""
        return self._looks

    @property
    def watch_error(self) -> str:
        """Why there is no list of streams."""
        return "" if self._watch.error is None else str(self._watch.error)

    def play(self, now: float) -> None:
        """Start the simulated subject, or stop it."""
        if self.player.is_running:
            self.player.close()
        else:
            self.player.start()
            self.look(now)
        self.playing = self.player.poll()

    def connect(self, context: bpy.types.Context, settings: LiveSettings | None = None) -> None:
        """Start a session with what the panel shows, or with `settings`.

        Raises
        ------
        EiferError
            When no source is chosen or no process can be started; nothing is live then.
        """
        if self.session is not None:
            raise EiferError("Something is connected already.", "Disconnect first.")
        session = LiveSession(settings or session_settings(context, self.player_selector))
        session.start()
        self.session, self._scene = session, context.scene.name
        self.snapshot = session.poll()
        self.message, self.is_alarm = "", False
        self.follow(context)

    def reconnect(self, **changes: Any) -> None:
        """Begin the session anew with other settings; avatars go on following.

        Parameters
        ----------
        **changes
            Fields of `LiveSettings`.
        """
        old = self.session
        assert old is not None
        old.close()
        self.session = LiveSession(replace(old.settings, **changes))
        self.session.start()
        self.snapshot = self.session.poll()
        self.faces.again()

    def follow(self, context: bpy.types.Context) -> None:
        """Let those avatars follow that are ticked or chosen now."""
        for sentence in self.faces.follow(context):
            self.say(sentence, alarm=True)

    def disconnect(self, message: str = "", *, finish: bool = True) -> None:
        """End everything that hangs on the connection, and leave the scene as it was.

        Parameters
        ----------
        message : str
            What the panel says then.
        finish : bool
            Whether a take that is being recorded gets its keys; else its journal is cut off
            here, and offered for recovery.
        """
        if self.calibration is not None:
            self.calibration.abort()
            self.calibration.step(self._last_s)
            self.calibration = None
        if finish:
            self.recorder.finish()
        self.recorder.drop()
        session, self.session = self.session, None
        if session is not None:
            session.close(abandon=not finish)
        self.faces.clear()
        self.snapshot = _OFF
        if message:
            self.say(message)

    def audit(self, context: bpy.types.Context, row: Any, now: float) -> None:
        """Play a take of the list on the avatars.

        Raises
        ------
        EiferError
            When its journal is gone, or there is no avatar.
        """
        loaded = load_take(file_of(row))
        if not self.faces.avatars:
            self.follow(context)
        if not self.faces.avatars:
            raise EiferError("No avatar is chosen.", "Tick or choose heads first.")
        self._scene = context.scene.name
        self.audition = Audition(row.name, loaded.track, loaded.activity, now)

    def end_audition(self) -> None:
        """Stop playing a take; the avatars are as before."""
        self.audition = None
        self.faces.release()
        if self.session is None:
            self.faces.clear()

    def close(self) -> None:
        """End everything, also the list of streams and the simulated subject."""
        self.audition = None
        self.disconnect(finish=False)
        self.end_processes()
        self.playing = self.player.poll()
        restore_all()

    def end_processes(self) -> None:
        """End all processes without a look at the scene, which is gone when Blender quits."""
        self.recorder = Recorder(self)
        if self.session is not None:
            self.session.close(abandon=True)
            self.session = None
        self._watch.close()
        self._looks = False
        self.player.close()

    def say(self, message: str, *, alarm: bool = False) -> None:
        """Show a sentence in the panel."""
        self.message, self.is_alarm = message, alarm

    # What happens by itself.

    def step(self, now: float) -> float | None:
        """Do what there is to do.

        Parameters
        ----------
        now : float
            `time.monotonic`.

        Returns
        -------
        float or None
            Seconds until the next step should come; None when none is needed.
        """
        self.faces.moved = False
        seldom = now - self._seldom_s >= _SELDOM_S
        if seldom:
            self._seldom_s = now
            self._tend_lists(now)
        if self.session is not None:
            self._measure(now)
            # Nine steps of ten find nothing new while a source is silent, and cost next to nothing.
            if seldom or self.session.has_news:
                self.snapshot = self.session.poll(now)
            if seldom:
                self._tend_session(self.session)
        if self.session is not None:
            self._tend_jobs(now)
        if not bpy.app.is_job_running("RENDER"):
            self._show(now)
        self._last_s = now
        if self.is_idle:
            return None
        return FAST_S if self.session is not None or self.audition is not None else SLOW_S

    def _measure(self, now: float) -> None:
        between = now - self._last_s
        if between < 1.0:
            self.tick_s += 0.05 * (between - self.tick_s)

    def _tend_lists(self, now: float) -> None:
        """The streams on the network and the simulated subject."""
        if self._looks:
            is_seen = now - self._seen_s < _UNSEEN_S
            if not is_seen and self._watch.is_running:
                self._watch.close()
            elif is_seen and not self._watch.is_running and self.session is None:
                self._watch.start()
        if self.player.is_running:
            self.playing = self.player.poll()
        if self._watch.is_running:
            streams = self._watch.poll()
            show_streams(bpy.context.window_manager, streams)
            # Our own stream is there for sure: a list without it has missed it for good.
            mine = self.player.settings.stream_source_id
            found = any(stream.source_id == mine for stream in streams)
            if found or self.playing.state != "playing":
                self._missed_s = now
            elif now - self._missed_s > _MISSED_S:
                self._missed_s = now
                self._watch.refresh()

    def _tend_session(self, session: LiveSession) -> None:
        """Sliders to the child, and the end of what ended by itself."""
        wanted = conditioning_of(live_of(self.scene()))
        wanted = replace(wanted, gains=session.settings.conditioning.gains)
        if wanted != session.settings.conditioning:
            session.update(wanted)
        if self.snapshot.state in _ENDED:
            sentence, failed = self.snapshot.sentence, self.snapshot.state == "failed"
            self.recorder.finish()
            self.disconnect()
            self.say(sentence, alarm=failed)

    def _tend_jobs(self, now: float) -> None:
        self.recorder.step(now)
        if self.calibration is not None:
            self.calibration.step(now)
            if self.calibration.is_over:
                self.calibration = None

    def _show(self, now: float) -> None:
        """Set the avatars' values, where there are new ones."""
        if self.audition is not None:
            moment = self.audition.at(now)
            if moment is None:
                self.end_audition()
            else:
                self.faces.show(*moment)
        elif self.session is None:
            return
        elif self.calibration is not None:
            self.faces.show(self.calibration.target(now))
        elif self.snapshot.state == "connected":
            self.faces.show_live(self.snapshot)
        elif self.snapshot.state == "lost" or self.snapshot.restarts:
            self.faces.show_lost(live_of(self.scene()).when_lost, now - self._last_s)

    # For the panel.

    def delay_parts(self) -> dict[str, float]:
        """Delay in ms by part, with the mean wait for the next step."""
        parts: dict[str, Any] = dict(self.snapshot.delay_ms)
        if parts:
            parts["tick"] = 500.0 * self.tick_s
        return parts


#: The one of this Blender.
driver = LiveDriver()
