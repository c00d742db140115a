"""Set-up and checks: `python3 -m nox -s NAME`, with `python3 -m nox -l` for the list."""

from __future__ import annotations

import sys
from pathlib import Path

import nox
from nox.command import CommandFailed

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / ".ci"))

import assets
import machine

machine.offer_pyenv_interpreters(("3.11", "3.13"))

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["test", "lint"]

#: Blender 4.5 LTS carries Python 3.11 and Blender 5.2 LTS carries 3.13; bpy's wheels follow.
LTS_PYTHONS = ("3.11", "3.13")
#: The demo runs on whichever of the two started nox.
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
DEMO_PYTHON = HERE if HERE in LTS_PYTHONS else "3.11"


@nox.session(python=DEMO_PYTHON)
def demo(session: nox.Session) -> None:
    """Run the main job: a simulated recording becomes a rendered, animated head in demo/."""
    check_system(session)
    install_project(session, "blender")
    build_assets(session)
    session.run("eifer", "demo", "--out", "demo/", *session.posargs)


@nox.session(python=LTS_PYTHONS[0])
def test(session: nox.Session) -> None:
    """Run all tests on Python 3.11 with bpy 4.5 LTS; arguments after -- go to pytest."""
    run_tests(session)


@nox.session(python=LTS_PYTHONS[1], name="test-3.13")
def test_newest(session: nox.Session) -> None:
    """Run all tests on Python 3.13 with bpy 5.2 LTS; arguments after -- go to pytest."""
    run_tests(session)


@nox.session(python=LTS_PYTHONS[0], name="test-4.2")
def test_oldest(session: nox.Session) -> None:
    """Run the tests in Blender on bpy 4.2 LTS, the oldest that the manifest admits."""
    check_system(session)
    install_project(session, "test")
    # After the rest, because the constraints name the bpy of 4.5.
    session.install("bpy==4.2.23", "numpy==1.26.4")
    build_assets(session)
    session.run("python", ".ci/extension.py", "linux_x64-cp311")
    session.run("python", "-m", "pytest", *(session.posargs or ["tests/blender"]))


@nox.session(python=DEMO_PYTHON)
def lint(session: nox.Session) -> None:
    """Check style, types and the direction of imports, and print what to mend."""
    session.install("-r", "constraints/lint.txt")
    configuration, package = str(ROOT / "pyproject.toml"), link_package(session)
    results = [
        passes(session, "ruff", "check", "--output-format=concise", "."),
        passes(session, "ruff", "format", "--check", "."),
        passes(session, "python", ".ci/lengths.py"),
    ]
    imports = ("lint-imports", "--no-cache", "--no-logo", "--config", configuration)
    with session.chdir(package):
        results += [
            passes(session, "mypy", "--config-file", configuration, "-p", "eifer", here=True),
            passes(session, *imports, here=True),
        ]
    if not all(results):
        session.error("Something above is to be mended.")


@nox.session(python=DEMO_PYTHON)
def build(session: nox.Session) -> None:
    """Build the extension zips into dist/, all of them or those named after --."""
    check_system(session)
    install_project(session, "blender")
    build_assets(session)
    session.run("python", ".ci/extension.py", *session.posargs)


@nox.session(name="assets", python=DEMO_PYTHON)
def assets_session(session: nox.Session) -> None:
    """Build the open head, unpack the landmark model and liblsl, unless they are up to date."""
    install_project(session, "blender")
    build_assets(session)


@nox.session(python=DEMO_PYTHON)
def bench(session: nox.Session) -> None:
    """Measure the budgets against their peers; arguments after -- go to pytest."""
    check_system(session)
    install_project(session, "blender", "test", "oracle")
    build_assets(session)
    # Named one by one, because pytest collects no bench_*.py by itself.
    files = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tests/bench/bench_*.py"))
    session.run("python", "-m", "pytest", "-s", *files, *session.posargs)


@nox.session(python=DEMO_PYTHON)
def blender(session: nox.Session) -> None:
    """Try the extension in a real Blender with a window (root, Debian unstable, about 2 GB)."""
    install_project(session, "blender")
    build_assets(session)
    session.run("python", ".ci/real_blender.py", *session.posargs)


@nox.session(python=LTS_PYTHONS)
def lock(session: nox.Session) -> None:
    """Resolve today's newest versions and write them to constraints/."""
    session.install("pip")
    session.run("python", ".ci/lock.py", str(session.python))


def check_system(session: nox.Session) -> None:
    """Stop with the exact apt line when a library that bpy loads is missing."""
    missing = machine.missing_packages()
    if missing:
        session.error(f"Blender's libraries are missing here. Run: {machine.install_line(missing)}")


def passes(session: nox.Session, *command: str, here: bool = False) -> bool:
    """Run a check and go on when it fails, so that one run shows everything."""
    try:
        # A tool started in a folder finds the package there.
        session.run(*command, env={"PYTHONPATH": "."} if here else {})
    except CommandFailed:
        return False
    return True


def constraints_of(session: nox.Session) -> str:
    """The file with the exact versions for a session's Python."""
    return f"constraints/py{str(session.python).replace('.', '')}.txt"


def install_project(session: nox.Session, *extras: str) -> None:
    """Install the package from the checkout, with extras, in pinned versions."""
    # pip is asked for by name, because uv makes environments without it and assets need it.
    constraints = constraints_of(session)
    session.install("-c", constraints, "pip", "-e", f".[{','.join(extras)}]")


def install_oracles(session: nox.Session) -> None:
    """Install smplx and a CPU build of torch, where pip can find one on this machine.

    Nothing is resolved and torch is never taken from an index: there, it means gigabytes of CUDA.
    """
    if session.python != LTS_PYTHONS[0]:
        return
    session.run("python", "-m", "pip", "install", "-q", "--no-deps", "-r", "constraints/oracle.txt")
    session.run(
        "python", "-m", "pip", "install", "-q", "--no-deps", "--no-index",
        "-r", "constraints/torch.txt", success_codes=[0, 1],
    )  # fmt: skip


def build_assets(session: nox.Session) -> None:
    """Build what is made at set-up and not committed, when it is missing or out of date.

    liblsl is Linux's on every machine, because a zip for Linux can be built anywhere.
    """
    if assets.are_current():
        session.log("The assets are up to date.")
        return
    if not assets.wheels_are_here():
        session.run(
            "python", "-m", "pip", "download", "-q", "--no-deps", "--require-hashes",
            "--only-binary=:all:", "--platform=manylinux_2_28_x86_64", "--python-version=3.11",
            "-r", str(assets.PINS), "-d", str(assets.WHEELS),
        )  # fmt: skip
    session.run("python", "-m", "eifer.eifer_addon.heads.build", "--wheels", str(assets.WHEELS))
    assets.record()


def run_tests(session: nox.Session) -> None:
    """Install everything, build the assets and this Python's Linux zip, then run pytest."""
    check_system(session)
    install_project(session, "blender", "test", "oracle")
    install_oracles(session)
    build_assets(session)
    label = f"linux_x64-cp{str(session.python).replace('.', '')}"
    session.run("python", ".ci/extension.py", label)
    if session.posargs:
        session.run("python", "-m", "pytest", *session.posargs)
        return
    # Live tests mostly wait: more of their files are open than there are cores, and after the
    # others, which leave them no time. Each worker has LSL ports and a session of its own.
    live = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tests/blender/test_live*.py"))
    beside = passes(
        session, "python", "-m", "pytest", "-n", "2", "--dist", "loadfile", "tests",
        "--ignore=tests/live", *(f"--ignore={path}" for path in live),
    )  # fmt: skip
    waiting = passes(
        session, "python", "-m", "pytest", "-n", "3", "--dist", "loadfile", "tests/live", *live
    )
    if not (beside and waiting):
        session.error("Tests failed; see above.")


def link_package(session: nox.Session) -> Path:
    """Make a folder that holds the package under its name `eifer`, for tools that do not install.

    The checkout may be called anything, and only the package's own folders are linked, so that
    tests, environments and built files are not taken for parts of it.
    """
    folder = Path(session.create_tmp()) / "package"
    (folder / "eifer").mkdir(parents=True, exist_ok=True)
    for name in ("__init__.py", "eifer_addon", "operators", "models"):
        link = folder / "eifer" / name
        if not link.is_symlink():
            link.symlink_to(ROOT / name)
    return folder
