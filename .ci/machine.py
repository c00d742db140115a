"""What the machine has: Python interpreters under pyenv, and the libraries that bpy loads."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
from pathlib import Path

#: Shared library -> Debian package. With these a bare Debian 12 imports bpy and renders with it.
LIBRARIES = {
    "libXrender.so.1": "libxrender1",
    "libXi.so.6": "libxi6",
    "libXxf86vm.so.1": "libxxf86vm1",
    "libXfixes.so.3": "libxfixes3",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libEGL_mesa.so.0": "libegl-mesa0",
    "libgomp.so.1": "libgomp1",
}
#: Mesa's software renderer is found by its driver files, which no library name covers.
DRIVER_PACKAGE = "libgl1-mesa-dri"
DRIVER_FILES = ("*/dri/swrast_dri.so", "*/dri/libdril_dri.so", "*/libgallium-*.so")


def offer_pyenv_interpreters(wanted: tuple[str, ...]) -> None:
    """Let pyenv's `python3.11` and `python3.13` answer, whichever of them is its default.

    pyenv puts a `python3.13` on the path that refuses to start unless ``PYENV_VERSION`` names it.
    Nothing happens without pyenv or where the variable is set already.
    """
    if "PYENV_VERSION" in os.environ or shutil.which("pyenv") is None:
        return
    listing = subprocess.run(
        ["pyenv", "versions", "--bare"], capture_output=True, text=True, check=False
    )
    installed = listing.stdout.split()
    chosen = [
        max(matches, key=lambda version: int(version.rpartition(".")[2]))
        for minor in wanted
        if (matches := [name for name in installed if _is_release(name, minor)])
    ]
    if chosen:
        os.environ["PYENV_VERSION"] = ":".join(chosen)


def missing_packages() -> list[str]:
    """Debian packages that bpy needs and that this machine lacks; empty outside Linux."""
    if platform.system() != "Linux":
        return []
    missing = [package for library, package in LIBRARIES.items() if not _loads(library)]
    roots = [Path("/usr/lib"), Path("/usr/lib64")]
    if not any(any(root.glob(pattern)) for root in roots for pattern in DRIVER_FILES):
        missing.append(DRIVER_PACKAGE)
    return missing


def install_line(packages: list[str]) -> str:
    """The command that installs `packages` on Debian or Ubuntu."""
    prefix = "" if getattr(os, "geteuid", lambda: 0)() == 0 else "sudo "
    names = " ".join(packages)
    return f"{prefix}apt-get update && {prefix}apt-get install -y --no-install-recommends {names}"


def _is_release(name: str, minor: str) -> bool:
    head, _, patch = name.rpartition(".")
    return head == minor and patch.isdigit()


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    print(" ".join(missing_packages()))
