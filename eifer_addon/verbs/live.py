"""``eifer live``: a stream becomes a take, without a window."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...models.choosing import is_named
from .. import api
from ..errors import EiferError
from ..live.session import LiveSession, Snapshot, free_name
from ..live.settings import Conditioning, LiveSettings
from ..live.stream_facts import StreamSelector
from ..signals.journal_format import SUFFIX
from .base import Result, add_reading_arguments, positive, reading_choices, require_free
from .sending import add_sending_arguments, outgoing_of
from .stopping import ended_by_signals

HELP = "Record a stream of the Lab Streaming Layer, and what it does to a face, as a take."
EXAMPLE = "eifer live --source Amplifier --out take.npz --seconds 60"
_TICK_S, _LINE_EVERY_S = 0.02, 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    add = parser.add_argument
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--source", metavar="NAME", help="the stream's name (see 'eifer sources')")
    source.add_argument("--source-id", help="the stream's source id instead")
    source.add_argument("--replay", type=Path, metavar="FILE", help="a recording instead")
    add("--type", help="the stream's type, where several have the name")
    add("--speed", type=positive, default=1.0, help="of the replay (default 1)")
    add("--out", type=Path, help="the track (.npz) to write")
    add("--record", type=Path, metavar="FILE", help="keep the journal with the raw samples here")
    add("--activity", type=Path, help="the muscle activity (.npz) to write")
    add("--seconds", type=positive, help="end after so many seconds of samples")
    add(
        "--wait", type=positive, default=15.0, help="look so long for the stream, in s (default 15)"
    )
    add("--preset", default="live", help="filter chain (default: live)")
    add("--montage", type=Path, help="a JSON file: channels and pairs to muscles")
    add("--profile", type=Path, help="a subject's profile from 'eifer calibrate'")
    add("--unmix", action="store_true", help="take out the cross-talk that the profile holds")
    add("--mains", type=float, help="mains in Hz, 0 for none (default: found by listening)")
    add("--model", type=Path, help="a model by name or ONNX file (default: the profile's gains)")
    add("--fill", choices=("rest", "mirror"), default="rest", help="muscles that are not there")
    add("--envelopes", action="store_true", help="the channels are envelopes already")
    add("--dead-zone", type=float, default=0.0, help="coefficients below this are 0")
    add("--gain", type=float, default=1.0, help="factor of all coefficients")
    add("--min-cutoff", type=float, default=0.0, help="One Euro cutoff at rest in Hz, 0 for none")
    add("--beta", type=float, default=0.0, help="One Euro beta")
    add("--subject", default="", help="a pseudonym, never a name")
    add("--force", action="store_true", help="replace existing files")
    add_sending_arguments(parser)
    add_reading_arguments(parser)


def run(options: argparse.Namespace) -> Result:
    """Record until the time, the recording's end, Ctrl-C or SIGTERM; then write the take."""
    if not (options.out or options.record or options.activity):
        raise EiferError("No output was named.", "Add --out, --record or --activity with a name.")
    require_free([options.out, options.record, options.activity], force=options.force)
    # Beside what is kept in the end, so that a crash leaves the journal where it is found.
    beside = options.record or options.out or options.activity
    with TemporaryDirectory(prefix=".eifer-live-", dir=beside.absolute().parent) as folder:
        session = LiveSession(_settings(options, Path(folder)))
        try:
            last = _record(session, options)
            journal = session.stop_recording()
        except EiferError:
            session.close()
            raise
        session.close()
        return _write(options, journal, last)


def _settings(options: argparse.Namespace, folder: Path) -> LiveSettings:
    stream = None
    if options.replay is None:
        stream = StreamSelector(name=options.source, type=options.type, source_id=options.source_id)
    return LiveSettings(
        stream=stream,
        recording="" if options.replay is None else str(options.replay.absolute()),
        speed=options.speed if options.replay else 1.0,
        reading=reading_choices(options), preset=options.preset,
        montage=None if options.montage is None else str(options.montage.absolute()),
        profile=None if options.profile is None else str(options.profile.absolute()),
        unmix=options.unmix, mains_hz=options.mains, fill=options.fill,
        model=_model(options.model),
        envelopes=options.envelopes, subject=options.subject, journal_folder=str(folder),
        conditioning=Conditioning(
            dead_zone=options.dead_zone, gain=options.gain, min_cutoff_hz=options.min_cutoff,
            beta=options.beta,
        ),
        outgoing=outgoing_of(options),
    )  # fmt: skip


def _model(path: Path | None) -> str:
    if path is None:
        return ""
    return str(path) if is_named(path) else str(path.absolute())


def _record(session: LiveSession, options: argparse.Namespace) -> Snapshot:
    """Wait for the source and record; the last snapshot."""
    session.start()
    session.record("take")
    line = _Line()
    begun, connected = time.monotonic(), False
    with ended_by_signals() as stop:
        while True:
            snapshot = session.poll()
            connected = connected or snapshot.n_samples > 0
            line(snapshot)
            take = snapshot.take
            if _is_over(snapshot, options, stop) or (take and take.state == "failed"):
                break
            if snapshot.state == "starting":
                begun = time.monotonic()
            if not connected and time.monotonic() - begun > options.wait:
                raise EiferError(
                    f"Nothing came within {options.wait:g} s. {snapshot.sentence}",
                    "See what is there with 'eifer sources'.",
                )
            stop.wait(_TICK_S)
    line.end()
    if not connected:
        raise EiferError(
            snapshot.sentence if snapshot.state == "failed" else "Stopped before anything came."
        )
    return snapshot


def _is_over(snapshot: Snapshot, options: argparse.Namespace, stop: threading.Event) -> bool:
    if stop.is_set() or snapshot.state in ("failed", "stopped"):
        return True
    rate = float(snapshot.status.get("source", {}).get("rate_hz") or 0.0)
    return bool(options.seconds and rate and snapshot.n_samples >= options.seconds * rate)


def _write(options: argparse.Namespace, journal: Path, last: Snapshot) -> Result:
    written: dict[str, str] = {}
    kept = options.record or (options.out or options.activity).with_suffix(SUFFIX)
    for number, part in enumerate(last.take.parts if last.take else (), 1):
        # The source changed its channels in between; what was before is no part of this take.
        moved = free_name(kept.absolute().parent, f"{kept.stem} part {number}")
        written[f"part {number}"] = str(part.rename(moved))
    if options.record:
        journal = journal.replace(options.record)
        written["record"] = str(journal)
    recording, activity, track = api.take_of_journal(journal)
    if options.out:
        written["track"] = str(track.save(options.out, overwrite=options.force))
    if options.activity:
        written["activity"] = str(activity.save(options.activity, overwrite=options.force))
    values: dict[str, Any] = {
        "files": written, "source": last.source, "samples": recording.n_samples,
        "seconds": round(recording.duration_s, 3), "rate_hz": last.rate_hz, "lost": last.n_lost,
        "gaps": last.n_gaps, "frames": len(track), "delay_ms": last.delay_ms,
        "muscles": dict(zip(activity.muscles, activity.channels, strict=True)),
        "unmapped": list(activity.unmapped), "hints": list(last.quality_sentences.values()),
        "restarts": last.restarts,
    }  # fmt: skip
    delay = ", ".join(f"{part} {ms:g}" for part, ms in last.delay_ms.items())
    text = "\n".join([
        f"{recording.n_samples} samples of {last.source} in {recording.duration_s:.2f} s, "
        f"{last.n_lost} lost in {last.n_gaps} gaps; delay in ms: {delay}",
        *(f"  quality: {hint}" for hint in values["hints"]), track.describe(),
        *(f"{kind}: {path}" for kind, path in written.items()),
    ])  # fmt: skip
    if last.state == "failed" or (last.take and last.take.state == "failed"):
        why = last.take.sentence if last.take and last.take.sentence else last.sentence
        raise EiferError(why, f"What came before is in {', '.join(written.values())}.")
    return Result(text, values)


class _Line:
    """How it goes, on standard error: one line on a terminal, seldom a new one else."""

    def __init__(self) -> None:
        self._written_s, self._said = -_LINE_EVERY_S, ""

    def __call__(self, now: Snapshot) -> None:
        text = now.sentence
        if now.state == "connected":
            seconds = now.take.seconds if now.take else 0.0
            text = (
                f"{now.source}: {seconds:.1f} s, {now.rate_hz:.0f} Hz, {now.n_lost} lost, "
                f"{now.age_ms:.0f} ms old; Ctrl-C ends it."
            )
        due = time.monotonic() - self._written_s >= _LINE_EVERY_S or now.state != self._said
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{text:<78}")
        elif due:
            sys.stderr.write(text + "\n")
            self._written_s = time.monotonic()
        self._said = now.state
        sys.stderr.flush()

    @staticmethod
    def end() -> None:
        """Leave the line."""
        if sys.stderr.isatty():
            sys.stderr.write("\n")
