"""Lab Streaming Layer: loading the library, and what streams are on the network.

liblsl multicasts and can abort its process, so this belongs into child processes, the command
line and scripts; in Blender's own process `source_watch` lists the streams instead.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

from ..assets import assets_folder
from ..errors import EiferError
from .stream_facts import MOST_CHANNELS, StreamFacts, StreamSelector, channel_rows

#: Where liblsl itself looks for its settings when ``LSLAPICFG`` names no file.
_SETTINGS = (
    Path("lsl_api.cfg"),
    Path("~/lsl_api/lsl_api.cfg"),
    Path("/etc/lsl_api/lsl_api.cfg"),
)
#: Errors only, where liblsl by default lists every network interface; and streams of this computer
#: are found without any network, which liblsl by default asks by multicast alone.
_DEFAULTS = "[log]\nlevel=-2\n[lab]\nKnownPeers={127.0.0.1}\n"
#: How long a stream may take to describe its channels, and how many are asked at once.
_DESCRIBING_S, _ASKED_AT_ONCE = 2.0, 16
_FORMATS = ("undefined", "float32", "double64", "string", "int32", "int16", "int8", "int64")
_REMEDY = (
    "Install pylsl and liblsl (pip install pylsl mne-lsl, or conda install -c conda-forge liblsl), "
    "or let PYLSL_LIB name the library's file."
)


@functools.cache
def load_lsl() -> ModuleType:
    """The module pylsl over a liblsl that can be loaded.

    pylsl's wheel for Linux holds no liblsl. It is looked for in this order: ``PYLSL_LIB``, pylsl's
    own folder, the built asset, an installed mne-lsl, the system.

    Returns
    -------
    module
        ``pylsl``.

    Raises
    ------
    EiferError
        When pylsl or liblsl is missing or cannot be loaded.
    """
    if importlib.util.find_spec("pylsl") is None:
        raise EiferError("The package pylsl is not installed.", _REMEDY)
    try:
        with _library_named():
            module = importlib.import_module("pylsl")
    except (RuntimeError, OSError, AttributeError) as error:
        reason = str(error).splitlines()[0].strip().rstrip(".")
        raise EiferError(f"liblsl could not be loaded: {reason}.", _REMEDY) from error
    if not settings_file_exists():
        # Without a file of the user's own; contents would take precedence over it.
        with contextlib.suppress(NotImplementedError):
            module.set_config_content(_DEFAULTS)
    return module


def settings_file_exists() -> bool:
    """Whether the user has settings for liblsl."""
    named = os.environ.get("LSLAPICFG")
    return bool(named) or any(path.expanduser().is_file() for path in _SETTINGS)


def find_library() -> Path | None:
    """A liblsl for Linux that pylsl would not find by itself, None when there is none."""
    if not sys.platform.startswith("linux"):
        return None
    asset = assets_folder() / "liblsl.so"
    if asset.is_file() and platform.machine() == "x86_64":
        return asset
    with contextlib.suppress(ImportError, ValueError):
        spec = importlib.util.find_spec("mne_lsl")
        folders = spec.submodule_search_locations if spec is not None else None
        for folder in folders or ():
            found = sorted(Path(folder, "lsl", "lib").glob("liblsl*.so*"))
            if found:
                return found[-1]
    return None


@contextlib.contextmanager
def _library_named() -> Iterator[None]:
    """``PYLSL_LIB`` for the length of the import, unless the user has set it."""
    found = None if "PYLSL_LIB" in os.environ else find_library()
    if found is None:
        yield
        return
    os.environ["PYLSL_LIB"] = str(found)
    try:
        yield
    finally:
        os.environ.pop("PYLSL_LIB", None)


def facts_of(info: Any) -> StreamFacts:
    """What a pylsl ``StreamInfo`` says; channels are numbered when it has no description.

    Parameters
    ----------
    info : pylsl.StreamInfo
        As resolved, or, with the channels' names, as given by ``StreamInlet.info()``.
    """
    n_channels = int(info.channel_count())
    description = info.desc()
    names, units, types = channel_rows(_described(description), n_channels)
    code = int(info.channel_format())
    return StreamFacts(
        name=info.name(), type=info.type(), source_id=info.source_id(), n_channels=n_channels,
        rate_hz=float(info.nominal_srate()),
        channel_format=_FORMATS[code] if 0 <= code < len(_FORMATS) else "undefined",
        channels=names, units=units, channel_types=types,
        manufacturer=_manufacturer(description),
        hostname=info.hostname(), uid=info.uid(), session_id=info.session_id(),
    )  # fmt: skip


def _described(description: Any) -> Iterator[dict[str, str]]:
    """Label, unit and type of each channel, after XDF's conventions for the description."""
    channel = description.child("channels").child("channel")
    for _ in range(MOST_CHANNELS):
        if channel.empty():
            return
        label = channel.child_value("label") or channel.child_value("name")
        unit, kind = channel.child_value("unit"), channel.child_value("type")
        yield {"label": label, "unit": unit, "type": kind}
        channel = channel.next_sibling("channel")


def _manufacturer(description: Any) -> str:
    stated = description.child_value("manufacturer")
    return str(stated or description.child("acquisition").child_value("manufacturer"))


def describe_stream(info: Any, wait_s: float = _DESCRIBING_S) -> StreamFacts:
    """Ask a resolved stream for its whole description.

    A stream that does not answer in time is described as far as it was resolved.

    Parameters
    ----------
    info : pylsl.StreamInfo
        As resolved.
    wait_s : float
        How long to wait for the answer, in s.
    """
    lsl = load_lsl()
    try:
        inlet = lsl.StreamInlet(info, max_buflen=1, recover=False)
        return facts_of(inlet.info(timeout=wait_s))
    except RuntimeError:  # pylsl's own errors: the stream went away, or is too slow
        return facts_of(info)


def find_streams(
    wait_s: float = 1.0, selector: StreamSelector | None = None
) -> tuple[StreamFacts, ...]:
    """List the streams on the network.

    Parameters
    ----------
    wait_s : float
        How long to collect answers, in s; less than one may miss some.
    selector : StreamSelector, optional
        Only those that fit.

    Returns
    -------
    tuple of StreamFacts
        Sorted by name; with the channels' names and units.

    Raises
    ------
    EiferError
        When liblsl is missing.
    """
    found = [
        info for info in load_lsl().resolve_streams(wait_s)
        if selector is None or selector.matches(facts_of(info))
    ]  # fmt: skip
    if not found:
        return ()
    with ThreadPoolExecutor(min(len(found), _ASKED_AT_ONCE)) as pool:
        return in_order(pool.map(describe_stream, found))


def in_order(streams: Any) -> tuple[StreamFacts, ...]:
    """Streams sorted by name, then source, host and outlet."""
    return tuple(sorted(streams, key=lambda s: (s.name, s.source_id, s.hostname, s.uid)))


class WatchedStreams:
    """The streams on the network, kept up to date in the background.

    Asking costs microseconds. New streams are asked once for their channels, in a thread, and
    appear at once with numbered channels. For child processes and scripts, not for Blender.

    Parameters
    ----------
    forget_after_s : float
        A stream that is silent for this long is left out.
    """

    def __init__(self, forget_after_s: float = 3.0) -> None:
        self._resolver = load_lsl().ContinuousResolver(forget_after=forget_after_s)
        self._pool = ThreadPoolExecutor(_ASKED_AT_ONCE, thread_name_prefix="stream-facts")
        self._known: dict[str, Any] = {}

    def infos(self) -> list[Any]:
        """The streams as pylsl's ``StreamInfo``, without descriptions, to make inlets of."""
        return list(self._resolver.results())

    def poll(self) -> tuple[StreamFacts, ...]:
        """The streams that are there now."""
        present = {info.uid(): info for info in self.infos()}
        for uid in set(self._known) - set(present):
            del self._known[uid]
        for uid, info in present.items():
            if uid not in self._known:
                self._known[uid] = self._pool.submit(describe_stream, info)
        return in_order(
            self._known[uid].result() if self._known[uid].done() else facts_of(info)
            for uid, info in present.items()
        )

    def close(self) -> None:
        """Stop asking."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._known.clear()
        del self._resolver
