"""A real Blender with a window: Debian's unstable suite in a folder, and the extension inside it.

Needs root, debootstrap and about 2 GB. The suite moves, so a failure to make it is a skip with its
reason; a failure of the extension in it is a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import extension

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache" / "real-blender"
SYSTEM = CACHE / "root"
READY = CACHE / "ready"
NEEDED_BYTES = 4_000_000_000
PACKAGES = (
    "blender", "python3-numpy", "python3-cattr", "python3-requests", "python3-zstandard",
    "libegl1", "libgl1", "libopengl0", "libgl1-mesa-dri", "xvfb", "xauth", "imagemagick",
)  # fmt: skip
#: Python of Debian's Blender, for the wheels of its zip.
PYTHON = "3.14"
#: The home folder in there; emptied at each start.
WORK = SYSTEM / "home" / "artist" / "check"
PROBES = ROOT / "tests" / "blender"
IMAGES = ROOT / "docs" / "images"
SIMULATE = """
import sys
import numpy as np
from eifer.eifer_addon.signals.recording import Recording
from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.models.synthetic.physiology import simulate_recording
clean = simulate_recording(duration_s=20.0)[0]
write_edf(clean, sys.argv[1] + "/simulated.edf")
samples = clean.data().copy()
samples[5] = 0.0
samples[8] += 3000 * np.sin(2 * np.pi * 50 * np.arange(samples.shape[1]) / clean.rate_hz)
channels, units = (*clean.channels, "Thermometer"), (*clean.units, "C")
samples = np.vstack([samples, np.full(samples.shape[1], 36.5)])
faulty = Recording.from_array(samples, clean.rate_hz, channels, units=units,
                              events=clean.events, source=clean.source)
write_edf(faulty, sys.argv[1] + "/session.edf")
write_edf(simulate_recording(duration_s=240.0)[0], sys.argv[1] + "/long.edf")
short = simulate_recording(duration_s=2.0)[0]
table = "\\n".join(",".join(f"{x:.3f}" for x in row) for row in short.data().T)
with open(sys.argv[1] + "/no-rate.csv", "w", encoding="utf-8") as stream:
    stream.write(",".join(short.channels) + "\\n" + table)
"""
SESSION = """
import sys
from dataclasses import replace
sys.path.insert(0, sys.argv[2])
from fused_session import make_session
from eifer.eifer_addon.signals.edf_writer import write_edf
session = make_session(1, duration_s=25.0)
write_edf(session.recording, sys.argv[1] + "/together.edf")
seen = {part: (1 - share).astype("f4") for part, share in session.occlusion.items()}
replace(session.video, visibility=seen).save(sys.argv[1] + "/film.npz")
"""


class Skip(Exception):
    """Why there is no real Blender here."""


def prepare() -> None:
    """Make the system folder with Blender in it, unless it is there from an earlier run."""
    if READY.is_file():
        return
    _check_machine()
    print(f"Making Debian unstable with Blender in {SYSTEM}: about 2 GB, one to three minutes.")
    shutil.rmtree(SYSTEM, ignore_errors=True)
    SYSTEM.mkdir(parents=True)
    _attempt("debootstrap", "--variant=minbase", "unstable", str(SYSTEM), _mirror())
    options = 'Acquire::Check-Valid-Until "false";\nAPT::Install-Recommends "false";\n'
    (SYSTEM / "etc/apt/apt.conf.d/90eifer").write_text(options, encoding="utf-8")
    _attempt("chroot", str(SYSTEM), "apt-get", "update", "-qq")
    _attempt("chroot", str(SYSTEM), "apt-get", "install", "-y", "-qq", *PACKAGES)
    _attempt("chroot", str(SYSTEM), "apt-get", "clean")
    READY.write_text(inside("blender", "--version").stdout.splitlines()[0], encoding="utf-8")


def _check_machine() -> None:
    if os.geteuid() != 0:
        raise Skip("debootstrap needs root")
    if shutil.which("debootstrap") is None:
        raise Skip("debootstrap is missing; run: apt-get install -y debootstrap")
    CACHE.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(CACHE).free
    if free < NEEDED_BYTES:
        raise Skip(f"{CACHE} has {free / 1e9:.1f} GB free, {NEEDED_BYTES / 1e9:.0f} GB are needed")


def _mirror() -> str:
    """The Debian mirror that this machine's own apt uses."""
    query = ["apt-get", "indextargets", "--format", "$(REPO_URI)"]
    query += ["Created-By: Packages", "Label: Debian"]
    listing = subprocess.run(query, capture_output=True, text=True, check=False)
    mirrors = listing.stdout.split()
    if not mirrors:
        raise Skip("this machine's apt knows no Debian mirror")
    return mirrors[0]


def _attempt(*command: str) -> None:
    """Run a step of the set-up; when it fails, the suite or the mirror is to blame."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    log = CACHE / "setup.log"
    with log.open("a", encoding="utf-8") as stream:
        done = subprocess.run(command, env=environment, stdout=stream, stderr=stream, check=False)
    if done.returncode != 0:
        step = " ".join(part for part in command if "://" not in part)
        raise Skip(f"'{step}' failed; the suite may be in flux, see {log}")


def inside(
    *command: str, timeout: float = 300, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a command in the system folder, with an empty home, and show its output on failure."""
    environment = {
        "HOME": "/home/artist", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
        "BLENDER_USER_RESOURCES": "/home/artist/blender-user", "OMP_NUM_THREADS": "2",
    }  # fmt: skip
    done = subprocess.run(
        ["chroot", str(SYSTEM), *command],
        env=environment, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    if check and done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return done


def install_extension() -> None:
    """Build the zip for this Blender's Python and install it with Blender's own command."""
    archive = extension.build_zip(extension.Target("linux-x64", PYTHON))
    shutil.rmtree(WORK.parent, ignore_errors=True)
    WORK.mkdir(parents=True)
    shutil.copy2(archive, WORK / "eifer.zip")
    for pattern in ("*_probe.py", "window_*.py"):
        for probe in PROBES.glob(pattern):
            shutil.copy2(probe, WORK / probe.name)
    # The splash screen would lie over what the window shows.
    inside(
        "blender", "-b", "--factory-startup", "--python-exit-code", "1", "--python-expr",
        "import bpy; bpy.context.preferences.view.show_splash = False; bpy.ops.wm.save_userpref()",
    )  # fmt: skip
    inside(
        "blender", "--command", "extension", "install-file", "--repo", "user_default", "--enable",
        "/home/artist/check/eifer.zip",
    )  # fmt: skip


def simulate_recording() -> None:
    """Put simulated recordings where Blender finds them."""
    subprocess.run([sys.executable, "-c", SIMULATE, str(WORK)], check=True, timeout=300)


def simulate_session() -> None:
    """Put the track of a film and the recording of the same session where Blender finds them."""
    command = [sys.executable, "-c", SESSION, str(WORK), str(ROOT / "tests")]
    subprocess.run(command, check=True, timeout=300)


def copy_film() -> bool:
    """Put a film of a face where Blender finds it; False where the shared data is absent."""
    data = Path(os.environ.get("EIFER_TEST_DATA") or ROOT.parent / "shared" / "data")
    film = data / "video" / "pyfeat_single_face.mp4"
    if film.is_file():
        shutil.copy2(film, WORK / "face.mp4")
    return film.is_file()


def check_background() -> None:
    """Operators, ten rounds of disabling and enabling, and the command line, without a window."""
    inside(
        # A user folder of its own: the probe wants to see Blender before the extension was there.
        "env", "BLENDER_USER_RESOURCES=/home/artist/probe-user",
        "blender", "-b", "--python-exit-code", "1",
        "--python", "/home/artist/check/extension_probe.py",
        "--", "/home/artist/check/eifer.zip", "/home/artist/check/report.json",
    )  # fmt: skip
    report = json.loads((WORK / "report.json").read_text(encoding="utf-8"))
    for count, after in enumerate(report["after"], start=1):
        if after != report["before"]:
            raise SystemExit(f"Round {count} of disabling left something: see report.json")
    print(f"blender -b: a head of {report['vertices']} vertices, ten rounds left nothing behind")
    _check_command()
    _check_script()


def _check_script() -> None:
    """``blender -b -P`` with the example that users copy."""
    shutil.copy2(ROOT / "examples" / "recording_to_face.py", WORK / "recording_to_face.py")
    inside(
        "blender", "-b", "--python-exit-code", "1",
        "-P", "/home/artist/check/recording_to_face.py",
        "--", "/home/artist/check/simulated.edf", "/home/artist/check/script.mp4", "1",
    )  # fmt: skip
    if not (WORK / "script.mp4").is_file():
        raise SystemExit("blender -b -P recording_to_face.py ended well but wrote no film")
    print("blender -b -P recording_to_face.py: script.mp4")


def _check_command() -> None:
    """``blender --command eifer``: help, a whole take, and an honest failure."""
    text = inside("blender", "--command", "eifer", "--help").stdout
    if "emg" not in text:
        raise SystemExit(f"blender --command eifer --help does not name its verbs:\n{text}")
    results = {"out": "take.blend", "track": "take.npz", "render": "take.mp4", "report": "take.png"}
    options = [f"--{verb}=/home/artist/check/{name}" for verb, name in results.items()]
    film = ("--seconds=2", "--size=256", "--envelopes")
    recording = "/home/artist/check/simulated.edf"
    inside("blender", "--command", "eifer", "emg", recording, *options, *film)
    lacking = [name for name in results.values() if not (WORK / name).is_file()]
    if lacking:
        raise SystemExit(f"blender --command eifer emg ended well but wrote no {lacking[0]}")
    print(f"blender --command eifer emg: {', '.join(results.values())}")
    wrong = inside(
        "blender",
        "--command",
        "eifer",
        "emg",
        "/none/such.edf",
        "--track",
        "/home/artist/x.npz",
        check=False,
    )
    said = (wrong.stdout + wrong.stderr).strip()
    if wrong.returncode != 1 or "Traceback" in said or "/none/such.edf" not in said:
        raise SystemExit(f"A missing recording gave {wrong.returncode}:\n{said}")
    print(f"and of a missing recording: {wrong.stderr.strip().splitlines()[-1]}")


def check_quitting() -> None:
    """Blender quits in the middle of a take: no process is left, and the take is whole."""
    folder = WORK / "quit"
    folder.mkdir()
    inside(
        "blender", "-b", "--python-exit-code", "1",
        "--python", "/home/artist/check/live_quit_probe.py",
        "--", "/home/artist/check/simulated.edf", "/home/artist/check/quit",
    )  # fmt: skip
    left = json.loads((folder / "live.json").read_text(encoding="utf-8"))
    if Path(f"/proc/{left['pid']}").exists() or (SYSTEM / left["folder"].lstrip("/")).exists():
        raise SystemExit(f"Quitting while live left something behind: {left}")
    print(f"quitting while live: {(folder / 'quit.eiflog').stat().st_size} bytes, nothing left")


def check_window(probe: str) -> None:
    """Drive the panel in a window under Xvfb and keep the screenshots for the documents."""
    shots = WORK / "shots"
    shots.mkdir(exist_ok=True)
    done = inside(
        "xvfb-run", "-a", "-s", "-screen 0 1600x900x24",
        "blender", "--window-geometry", "0", "0", "1600", "900", "--enable-event-simulate",
        "--python-exit-code", "1", "--python", f"/home/artist/check/{probe}",
        "--", "/home/artist/check", "/home/artist/check/shots",
        timeout=600,
    )  # fmt: skip
    print(done.stdout.strip().splitlines()[-1])
    IMAGES.mkdir(parents=True, exist_ok=True)
    for shot in sorted(shots.glob("*.png")):
        shutil.copy2(shot, IMAGES / shot.name)
        print(f"docs/images/{shot.name}")


def main(arguments: Sequence[str]) -> int:
    """Do all of it; 0 also when there can be no real Blender here."""
    parser = argparse.ArgumentParser(description="Try the extension in a real Blender.")
    parser.add_argument("--only", choices=("background", "window"), help="one half of the checks")
    options = parser.parse_args(arguments)
    try:
        prepare()
    except Skip as reason:
        print(f"No real Blender here: {reason}.")
        return 0
    print(READY.read_text(encoding="utf-8"))
    install_extension()
    simulate_recording()
    if options.only != "window":
        check_background()
        check_quitting()
    if options.only != "background":
        check_window("window_probe.py")
        check_window("live_window_probe.py")
        simulate_session()
        check_window("session_window_probe.py")
        if copy_film():
            check_window("video_window_probe.py")
        else:
            print("No film of a face here: the import of films was not tried in the window.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
