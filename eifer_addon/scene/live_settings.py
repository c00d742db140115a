"""What a person sets for live work: properties of the scene, so that they stay in the file."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...models.choosing import is_named
from .. import files
from ..errors import EiferError
from ..live.settings import LIMITS, Conditioning, LiveSettings
from ..live.stream_facts import StreamSelector
from .live_avatars import FOLLOWS

if TYPE_CHECKING:
    from collections.abc import Callable

#: Name of the pointer on the scene.
LIVE = "eifer_live"
_EnumItems = tuple[tuple[str, str, str], ...]
#: Sources that are no stream on the network.
FILE = "file"
_TAKES = "eifer_takes"


@functools.cache
def preset_items() -> _EnumItems:
    """The filter presets, the live one first."""
    from ..signals.presets import PRESETS

    listed = sorted(PRESETS.values(), key=lambda preset: preset.name != "live")
    return tuple((p.name, p.name.capitalize(), p.words) for p in listed)


def _preset_items(_settings: object, _context: bpy.types.Context | None) -> _EnumItems:
    return preset_items()


def _number(name: str, title: str, words: str, default: float) -> Any:
    low, high = LIMITS[name]
    return bpy.props.FloatProperty(
        name=title, description=words, default=default, min=low, max=high, precision=2, step=5
    )


class EiferSource(bpy.types.PropertyGroup):
    """A stream that was found on the network; its name is the stream's."""

    source_id: bpy.props.StringProperty(description="Its sender's mark, the same after restarts")
    type: bpy.props.StringProperty(description="What the stream carries, such as EMG")
    uid: bpy.props.StringProperty(description="Another one after each start of its sender")
    words: bpy.props.StringProperty(description="Channels, rate and host, for the list")


class EiferSources(bpy.types.PropertyGroup):
    """The list of streams; kept by the window manager, never saved."""

    found: bpy.props.CollectionProperty(
        type=EiferSource, description="Streams that are on the network now"
    )
    active: bpy.props.IntProperty(
        name="Stream", description="The stream that Connect connects to", min=0
    )


class EiferLiveTake(bpy.types.PropertyGroup):
    """A take in the list; its name is the take's."""

    file: bpy.props.StringProperty(
        name="Journal", description="Its raw samples on disk", subtype="FILE_PATH"
    )
    subject: bpy.props.StringProperty(name="Subject", description="A pseudonym, never a name")
    note: bpy.props.StringProperty(name="Note", description="What is to be remembered about it")
    duration_s: bpy.props.FloatProperty(name="Duration (s)", description="How long the take is")
    lost: bpy.props.IntProperty(
        name="Lost samples", description="Samples that never came, per channel"
    )
    gaps: bpy.props.IntProperty(name="Gaps", description="How often samples are missing")
    rating: bpy.props.IntProperty(
        name="Rating", description="How good the take is, 0 to 5 stars", min=0, max=5
    )
    frame_start: bpy.props.FloatProperty(
        name="First frame", description="Scene frame at which the take begins"
    )
    kept: bpy.props.BoolProperty(name="Kept", description="Whether its keys were written")
    actions: bpy.props.StringProperty(description="Names of the actions with its keys, as JSON")


class EiferLive(bpy.types.PropertyGroup):
    """Live work in this scene."""

    kind: bpy.props.EnumProperty(
        name="Source",
        description="Where the samples come from",
        items=(
            ("stream", "LSL stream", "A stream of the Lab Streaming Layer on the network"),
            (FILE, "Recording", "A recording, played as if it were live"),
        ),
    )
    recording: bpy.props.StringProperty(
        name="Recording", description="The recording that is played", subtype="FILE_PATH"
    )
    speed: bpy.props.FloatProperty(
        name="Speed", description="1 is real time", default=1.0, min=0.05, max=20.0, precision=2
    )
    loop: bpy.props.BoolProperty(
        name="Loop", description="Begin again at the recording's end", default=True
    )
    montage: bpy.props.StringProperty(
        name="Montage",
        description="A file that says which channel is which muscle; empty reads the names",
        subtype="FILE_PATH",
    )
    profile: bpy.props.StringProperty(
        name="Profile",
        description="The subject's calibration; empty finds rest and effort while it runs",
        subtype="FILE_PATH",
    )
    model: bpy.props.StringProperty(
        name="Model",
        description="A model by name (emg2exp_fridlund_causal) or ONNX file; empty: the usual one",
        subtype="FILE_PATH",
    )
    subject: bpy.props.StringProperty(
        name="Subject", description="A pseudonym, never a name; noted in every take"
    )
    preset: bpy.props.EnumProperty(
        name="Filters", description="How muscle activity is taken from EMG", items=_preset_items
    )
    mains: bpy.props.EnumProperty(
        name="Mains",
        description="Notches against mains hum",
        items=(
            ("auto", "Listen", "Listen for hum in the first two seconds"),
            ("50", "50 Hz", "Europe and most of the world"),
            ("60", "60 Hz", "The Americas and parts of Asia"),
            ("0", "None", "No notches"),
        ),
    )
    fill: bpy.props.EnumProperty(
        name="Missing muscles",
        description="What stands for muscles without a channel",
        items=(
            ("rest", "Rest", "They stay at rest"),
            ("mirror", "Mirror", "They do what the other side does"),
        ),
    )
    envelopes: bpy.props.BoolProperty(
        name="Envelopes", description="The channels are envelopes already, not raw EMG"
    )
    gain: _number("gain", "Gain", "Factor of all expressions", 1.0)
    dead_zone: _number("dead_zone", "Dead zone", "Expressions below this are none", 0.0)
    smoothing_hz: _number(
        "min_cutoff_hz", "Smoothing (Hz)",
        "One Euro cutoff at rest: lower is calmer and later, 0 is off", 0.0,
    )  # fmt: skip
    quickness: _number(
        "beta", "Quickness", "How far quick movements escape the smoothing (One Euro beta)", 1.0
    )
    when_lost: bpy.props.EnumProperty(
        name="When lost",
        description="What the avatars do when the stream is lost",
        items=(
            ("hold", "Hold", "They keep the last expression"),
            ("ease", "Ease to neutral", "They go back to rest within a second"),
            ("hide", "Hide", "They are hidden until the stream is back"),
        ),
        default="ease",
    )
    countdown_s: bpy.props.IntProperty(
        name="Countdown (s)", description="Seconds before a take begins", default=3, min=0, max=30
    )
    plays: bpy.props.BoolProperty(
        name="Play the timeline", description="Play the timeline while a take is recorded"
    )
    keys: bpy.props.BoolProperty(
        name="Keys at the end",
        description="Write a take's keys on the avatars when it ends; else when it is kept",
        default=True,
    )
    take_name: bpy.props.StringProperty(
        name="Take", description="What takes are called; a number is added", default="take"
    )
    punch_start: bpy.props.IntProperty(name="From", description="First frame of the retake")
    punch_end: bpy.props.IntProperty(name="To", description="Last frame of the retake", default=50)
    punch_blend: bpy.props.IntProperty(
        name="Blend (frames)",
        description="Over so many frames at each edge the retake goes over into what was there",
        default=4, min=0, max=100,
    )  # fmt: skip
    send_lsl: bpy.props.BoolProperty(
        name="LSL", description="Send the driven expressions as an LSL stream"
    )
    send_lsl_name: bpy.props.StringProperty(
        name="Name", description="What the stream is called", default="EIFER expressions"
    )
    send_vmc: bpy.props.BoolProperty(
        name="VMC", description="Send the driven expressions to VSeeFace, Unity or Unreal (VMC/OSC)"
    )
    send_names: bpy.props.EnumProperty(
        name="Names",
        description="How the expressions are spelled for VMC",
        items=(
            ("perfect-sync", "PerfectSync", "BrowDownLeft, as the VMC protocol gives them"),
            ("arkit", "ARKit", "browDownLeft"),
        ),
    )
    send_osc: bpy.props.BoolProperty(
        name="OSC", description="Send one OSC message per expression, for TouchDesigner and others"
    )
    send_osc_port: bpy.props.IntProperty(
        name="Port", description="The port that receives OSC", default=9000, min=1, max=65535
    )
    send_osc_address: bpy.props.StringProperty(
        name="Address",
        description="OSC address of an expression, with {name} for its name",
        default="/eifer/{name}",
    )
    send_host: bpy.props.StringProperty(
        name="Host", description="The machine that receives VMC and OSC", default="127.0.0.1"
    )
    send_port: bpy.props.IntProperty(
        name="Port", description="The port that receives VMC", default=39539, min=1, max=65535
    )
    takes: bpy.props.CollectionProperty(type=EiferLiveTake, description="Takes of this scene")
    active_take: bpy.props.IntProperty(name="Take", description="The take chosen in the list")


#: Property groups in order of registration.
CLASSES = (EiferSource, EiferSources, EiferLiveTake, EiferLive)


def add_settings(on_follow: Callable[[Any, Any], None]) -> None:
    """Hang the settings where they belong; the checkbox of objects calls `on_follow`."""
    setattr(bpy.types.Scene, LIVE, bpy.props.PointerProperty(type=EiferLive))
    setattr(bpy.types.WindowManager, LIVE, bpy.props.PointerProperty(type=EiferSources))
    checkbox = bpy.props.BoolProperty(
        name="Follow live",
        description="Whether this avatar follows the live values",
        update=on_follow,
    )
    setattr(bpy.types.Object, FOLLOWS, checkbox)


def remove_settings() -> None:
    """Take them away."""
    delattr(bpy.types.Object, FOLLOWS)
    delattr(bpy.types.WindowManager, LIVE)
    delattr(bpy.types.Scene, LIVE)


def live_of(scene: bpy.types.Scene) -> Any:
    """The scene's live settings."""
    return getattr(scene, LIVE)


def conditioning_of(live: Any) -> Conditioning:
    """What the sliders say; cheap, because it is asked for at every tick."""
    return Conditioning(
        dead_zone=live.dead_zone, gain=live.gain, min_cutoff_hz=live.smoothing_hz,
        beta=live.quickness if live.smoothing_hz else 0.0,
    )  # fmt: skip


def session_settings(
    context: bpy.types.Context, otherwise: StreamSelector | None = None
) -> LiveSettings:
    """The settings of a session as the panel shows them.

    Parameters
    ----------
    context : bpy.types.Context
    otherwise : StreamSelector, optional
        The stream where the list is empty.

    Raises
    ------
    EiferError
        When no source is chosen.
    """
    live = live_of(context.scene)
    is_file = live.kind == FILE
    if is_file and not live.recording:
        raise EiferError("No recording is chosen.", "Choose one, or another kind of source.")
    return LiveSettings(
        stream=None if is_file else chosen_stream(context, otherwise),
        recording=str(_absolute(live.recording)) if is_file else "",
        speed=live.speed if is_file else 1.0, loop=bool(live.loop and is_file),
        montage=_file(live.montage, "montage"), profile=_file(live.profile, "profile"),
        preset=live.preset, mains_hz=None if live.mains == "auto" else float(live.mains),
        model=_model(live.model), fill=live.fill, envelopes=live.envelopes,
        conditioning=conditioning_of(live), journal_folder=str(takes_folder()),
        subject=live.subject, outgoing=outgoing_of(live),
    )  # fmt: skip


def chosen_stream(
    context: bpy.types.Context, otherwise: StreamSelector | None = None
) -> StreamSelector:
    """The stream that is chosen in the list; of an empty one `otherwise`.

    Raises
    ------
    EiferError
        When there is none.
    """
    sources = getattr(context.window_manager, LIVE)
    if not sources.found and otherwise is not None:
        return otherwise
    if not 0 <= sources.active < len(sources.found):
        raise EiferError(
            "No stream is on the network.",
            "Start the amplifier's LSL program, or press Play Simulated Subject.",
        )
    row = sources.found[sources.active]
    if row.source_id:
        return StreamSelector(source_id=row.source_id)
    return StreamSelector(name=row.name, type=row.type)


def outgoing_of(live: Any) -> dict[str, Any]:
    """Where the coefficients are sent; `EiferError` for an impossible address."""
    from ..live.outgoing import Outgoing

    sent: dict[str, Any] = {}
    if live.send_lsl:
        sent["lsl_name"] = live.send_lsl_name
    if live.send_vmc:
        sent |= {"vmc_host": live.send_host, "vmc_port": live.send_port}
        sent["vmc_names"] = live.send_names
    if live.send_osc:
        sent |= {"osc_host": live.send_host, "osc_port": live.send_osc_port}
        sent["osc_address"] = live.send_osc_address
    # What cannot be is said before anything is started.
    return Outgoing(**sent).to_document() if sent else {}


def takes_folder() -> Path:
    """Where journals are written: beside the .blend, else in the extension's user folder."""
    if bpy.data.filepath:
        return Path(bpy.data.filepath).parent / _TAKES
    return files.cache_folder() / "takes"


def profile_path(subject: str) -> Path:
    """Where a subject's profile is written: beside the journals."""
    safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in subject) or "subject"
    return takes_folder() / f"{safe} profile.json"


def _absolute(path: str) -> Path:
    return Path(bpy.path.abspath(path))


def _model(chosen: str) -> str:
    """A model's name, or an absolute path; empty for the built-in one."""
    return chosen if chosen and is_named(chosen) else _file(chosen, "model") or ""


def _file(path: str, what: str) -> str | None:
    """An absolute path, None for an empty one.

    Raises
    ------
    EiferError
        When there is no such file.
    """
    if not path:
        return None
    found = _absolute(path)
    if not found.is_file():
        raise EiferError(f"The {what} {found} is not there.", "Choose it again, or none.")
    return str(found)
