"""What travels to a worker of the cluster: one function that finds the package there and calls it.

It is sent by value, so it imports what it needs inside and refers to nothing else in this package:
a worker that Blender started knows the extension under no name that it could import.
"""

from __future__ import annotations


def run_clip(root: str, version: str, request: str, *, own_machine: bool) -> str:
    """Do one job, mostly a film's, on the machine that this runs on.

    Parameters
    ----------
    root : str
        The folder that holds the package, on the machine that sends the job.
    version : str
        The package's version there.
    request : str
        The job as JSON; see `eifer_addon.video_clip`, or the ``module`` that the job names.
    own_machine : bool
        Whether the worker runs on the machine that sends the job, and must take its package.

    Returns
    -------
    str
        The report as JSON.
    """
    import importlib
    import importlib.util
    import json
    import socket
    import sys
    from pathlib import Path

    def load(folder: Path) -> None:
        spec = importlib.util.spec_from_file_location(
            "eifer", folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        if spec is None or spec.loader is None:
            raise ImportError(f"{folder} is no package")
        module = importlib.util.module_from_spec(spec)
        sys.modules["eifer"] = module
        spec.loader.exec_module(module)

    is_there = "eifer" in sys.modules or (
        not own_machine and importlib.util.find_spec("eifer") is not None
    )
    if not is_there and not (Path(root) / "eifer_addon").is_dir():
        raise RuntimeError(
            f"The worker on {socket.gethostname()} has no eifer. Install it there (pip install "
            f"eifer), in version {version}."
        )
    if not is_there:
        load(Path(root))
    found = importlib.import_module("eifer.eifer_addon.version").software_version()
    if found != version:
        raise RuntimeError(
            f"The worker on {socket.gethostname()} has eifer {found}, and {version} is needed. "
            "Install the same version there."
        )
    module = json.loads(request).get("module", "eifer_addon.video_clip")
    return str(importlib.import_module(f"eifer.{module}").run_json(request))
