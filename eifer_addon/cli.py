"""The ``eifer`` command line, also behind ``blender --command eifer``.

Exit codes: 0 done, 1 failed (one sentence on standard error), 2 wrong usage. Results go to
standard output, as text or with ``--json`` as JSON; progress goes to standard error.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from .errors import EiferError
from .verbs import VERBS

DONE, FAILED = 0, 1
_STDOUT = 1


def build_parser() -> argparse.ArgumentParser:
    """The parser with one subparser per verb."""
    parser = argparse.ArgumentParser(
        prog="eifer",
        description="Facial muscle signals into animation, faces into muscle signals.",
        epilog="Every verb has its own help with an example: eifer VERB --help",
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, verb in VERBS.items():
        sub = verbs.add_parser(
            name,
            help=verb.HELP,
            description=verb.HELP,
            epilog=f"Example: {verb.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.add_argument("--json", action="store_true", help="print the result as JSON")
        verb.add_arguments(sub)
    return parser


@contextlib.contextmanager
def silent_stdout() -> Iterator[None]:
    """Drop what Blender's C code prints per frame and per file, so that `--json` stays JSON."""
    sys.stdout.flush()
    kept = os.dup(_STDOUT)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), _STDOUT)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, _STDOUT)
        os.close(kept)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments without the program's name; `sys.argv` by default.

    Returns
    -------
    int
        The exit code.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    try:
        options = build_parser().parse_args(argv)
    except SystemExit as stop:  # argparse has printed what is wrong
        return int(stop.code or 0)
    try:
        with silent_stdout():
            result = VERBS[options.verb].run(options)
    except EiferError as error:
        print(f"eifer {options.verb}: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        kept = getattr(VERBS[options.verb], "WHEN_STOPPED", "nothing half-written was kept")
        print(f"eifer {options.verb}: stopped; {kept}.", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        return FAILED
    _tell(json.dumps(result.values, indent=2) if options.json else result.text)
    return FAILED if result.failed else DONE


def _tell(text: str) -> None:
    """Print a result, also to a program that reads its beginning only, like ``head``."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Python flushes once more at the end, which must find somewhere to write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
