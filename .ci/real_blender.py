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
#: Lines of a probe that are shown.
_TOLD = ("ESC:", "told: ", "The window did")
#: What a probe in a window needs beside the recordings: kinds of `probe_files`.
WINDOWS = {
    "recordings": ("window_probe.py", ()),
    "live": ("live_window_probe.py", ()),
    "session": ("session_window_probe.py", ("session",)),
    "muscles": ("muscles_window_probe.py", ("person",)),
    "training": ("training_window_probe.py", ("person",)),
    "video": ("video_window_probe.py", ("film",)),
    "clean": ("clean_window_probe.py", ("worn",)),
}
#: The film that an import in the window is tried with.
FILM = "pyfeat_single_face.mp4"


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
    *command: str, timeout: float = 300, check: bool = True, shown: Sequence[Path] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a command in the system folder, with an empty home, and show its output on failure.

    Folders of this machine that are `shown` are there under their own names, for this command only.
    """
    environment = {
        "HOME": "/home/artist", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
        "BLENDER_USER_RESOURCES": "/home/artist/blender-user", "OMP_NUM_THREADS": "2",
    }  # fmt: skip
    line = ["chroot", str(SYSTEM), *command]
    done = subprocess.run(
        [*_showing(shown), *line] if shown else line,
        env=environment, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    if check and done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return done


def _showing(folders: Sequence[Path]) -> list[str]:
    """The beginning of a command line that has mounts of its own, which end with it."""
    lines = [f"mount -t proc proc '{SYSTEM}/proc'"]
    for folder in folders:
        there = SYSTEM / folder.relative_to("/")
        there.mkdir(parents=True, exist_ok=True)
        lines.append(f"mount --bind '{folder}' '{there}'")
    return ["unshare", "--mount", "sh", "-ec", "\n".join([*lines, 'exec "$@"']), "sh"]


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


def make_files(kind: str) -> bool:
    """Put what a probe needs where Blender finds it; False where the shared data is absent."""
    if kind == "film":
        return _copy_film()
    before = set(WORK.iterdir())
    command = [sys.executable, str(Path(__file__).with_name("probe_files.py")), kind, str(WORK)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
    subprocess.run(command, check=True, timeout=300, env=environment)
    return set(WORK.iterdir()) > before


def _copy_film() -> bool:
    data = Path(os.environ.get("EIFER_TEST_DATA") or ROOT.parent / "shared" / "data")
    film = data / "video" / FILM
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


def check_windows(names: Sequence[str], python: str) -> None:
    """Each of these probes in a Blender of its own, with the files that it needs."""
    made: dict[str, bool] = {}
    for name in names:
        probe, kinds = WINDOWS[name]
        made |= {kind: make_files(kind) for kind in kinds if kind not in made}
        lacking = [kind for kind in kinds if not made[kind]]
        if lacking:
            print(f"{name}: not tried in the window, because the shared films are not here.")
        elif name != "training":
            check_window(probe)
        elif python:
            shown = _folders_of(python)
            if shown:
                check_window(probe, python, shown=shown)
            else:
                print(f"training: not tried in the window, because {python} has no torch.")
        else:
            print("training: not tried in the window; name a Python with torch: --torch-python.")


def _folders_of(python: str) -> tuple[Path, ...]:
    """Where a Python with torch and its packages lie; empty where it has none."""
    told = (
        "import sys; from importlib.util import find_spec as f;"
        "print(*(sys.prefix, sys.base_prefix) * bool(f('torch') and f('lightning')), sep=chr(10))"
    )
    done = subprocess.run(
        [python, "-c", told], capture_output=True, text=True, timeout=120, check=False
    )
    return tuple(Path(line) for line in dict.fromkeys(done.stdout.split("\n")) if line)


def check_window(probe: str, *options: str, shown: Sequence[Path] = ()) -> None:
    """Drive the panel in a window under Xvfb and keep the screenshots for the documents."""
    shots = WORK / "shots"
    shutil.rmtree(shots, ignore_errors=True)
    shots.mkdir()
    done = inside(
        "xvfb-run", "-a", "-s", "-screen 0 1600x900x24",
        "blender", "--window-geometry", "0", "0", "1600", "900", "--enable-event-simulate",
        "--python-exit-code", "1", "--python", f"/home/artist/check/{probe}",
        "--", *options, "/home/artist/check", "/home/artist/check/shots",
        timeout=900, shown=shown,
    )  # fmt: skip
    print("\n".join(line for line in done.stdout.splitlines() if line.startswith(_TOLD)))
    IMAGES.mkdir(parents=True, exist_ok=True)
    for shot in sorted(shots.glob("*.png")):
        shutil.copy2(shot, IMAGES / shot.name)
        print(f"docs/images/{shot.name}")


def main(arguments: Sequence[str]) -> int:
    """Do all of it; 0 also when there can be no real Blender here."""
    parser = argparse.ArgumentParser(description="Try the extension in a real Blender.")
    parser.add_argument(
        "--only", nargs="+", choices=("background", "window", *WINDOWS), default=[],
        help="one half of the checks, or these probes in a window",
    )  # fmt: skip
    parser.add_argument(
        "--torch-python", default="", metavar="FILE", help="a Python with torch and lightning, "
        "which the training in a window is tried with",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    try:
        prepare()
    except Skip as reason:
        print(f"No real Blender here: {reason}.")
        return 0
    print(READY.read_text(encoding="utf-8"))
    install_extension()
    make_files("recordings")
    if not options.only or "background" in options.only:
        check_background()
        check_quitting()
    everything = not options.only or "window" in options.only
    check_windows([w for w in WINDOWS if everything or w in options.only], options.torch_python)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
