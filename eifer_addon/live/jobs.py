"""The script API's functions for streams; `api` forwards them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import threading

    from ..signals.activity import Activity
    from ..signals.recording import Recording
    from ..track import ExpressionTrack
    from .outlet import PlayReport
    from .session import LiveSession
    from .settings import LiveSettings
    from .stream_facts import StreamFacts


def find_sources(
    wait_s: float = 1.5,
    name: str | None = None,
    type: str | None = None,  # noqa: A002  # the field's word
    source_id: str | None = None,
) -> tuple[StreamFacts, ...]:
    """List the streams of the Lab Streaming Layer on the network.

    Not for Blender's own process, which liblsl could take down: there, the panel lists them.

    Parameters
    ----------
    wait_s : float
        How long to listen, in s; less than one may miss some.
    name, type, source_id : str, optional
        Only streams that have these.

    Returns
    -------
    tuple of StreamFacts
        Name, type, rate, channels and units …, sorted by name.

    Raises
    ------
    EiferError
        When liblsl is missing.
    """
    from .lsl import find_streams
    from .stream_facts import StreamSelector

    return find_streams(wait_s, StreamSelector(name=name, type=type, source_id=source_id))


def play(
    recording: Recording | str | Path | None = None,
    *,
    stop: threading.Event | None = None,
    on_progress: Callable[[PlayReport], None] | None = None,
    **settings: Any,
) -> PlayReport:
    """Stream a recording or a simulated subject; returns when it is over.

    Not for Blender's own process: `live.player.Player` streams from a child.

    Parameters
    ----------
    recording : Recording or path-like, optional
        None streams a simulated subject.
    stop : threading.Event, optional
        Ends the stream when it is set.
    on_progress : callable, optional
        ``on_progress(report)`` about four times a second.
    **settings
        ``name``, ``type``, ``source_id``, ``speed``, ``chunk``, ``jitter_ms``, ``stamps``,
        ``loop``, ``markers``, ``channel_format``, ``seconds``, ``wait``; of the simulated subject
        ``scheme``, ``duration_s``, ``rate_hz`` and ``seed``; others are choices of the reader.

    Returns
    -------
    PlayReport
        Samples and markers that were sent, time, seams.

    Raises
    ------
    EiferError
        For impossible settings, a recording that cannot be read, or a missing liblsl.
    """
    from ..signals.recording import Recording
    from .outlet import play as run
    from .play_settings import PlaySettings

    path = None if recording is None or isinstance(recording, Recording) else str(recording)
    known = {field.name for field in fields(PlaySettings)}
    if path is not None:
        known.remove("rate_hz")  # then it is the file's
    choices = {key: value for key, value in settings.items() if key not in known}
    own = {key: value for key, value in settings.items() if key in known}
    chosen = PlaySettings(path, choices, **own)
    given = recording if isinstance(recording, Recording) else chosen.open_recording()
    return run(given, chosen, stop, on_progress)


def live(source: str | None = None, **options: Any) -> LiveSession:
    """Connect to a stream, or play a recording, and give the running session.

    Parameters
    ----------
    source : str, optional
        The stream's name. Without it, name the source in the options.
    **options
        Of `live.settings.LiveSettings`: ``stream`` (a `StreamSelector`), ``recording``, ``speed``,
        ``loop``, ``montage``, ``profile``, ``preset``, ``model``, ``conditioning``,
        ``journal_folder``, ….

    Returns
    -------
    LiveSession
        Started; ask it with ``poll()``, end it with ``close()``.
    """
    from .session import LiveSession
    from .settings import LiveSettings
    from .stream_facts import StreamSelector

    if source is not None:
        options["stream"] = StreamSelector(name=source)
    session = LiveSession(LiveSettings(**options))
    session.start()
    return session


def take_of_journal(
    path: str | Path, settings: LiveSettings | None = None
) -> tuple[Recording, Activity, ExpressionTrack]:
    """What a journal of a live take holds, also one that was cut off.

    Parameters
    ----------
    path : path-like
        An ``.eiflog`` file.
    settings : LiveSettings, optional
        None gives what was seen live, bit for bit; others make the take anew.

    Returns
    -------
    recording : Recording
    activity : Activity
    track : ExpressionTrack
    """
    from .takes import take_of_journal as take

    return take(path, settings)
