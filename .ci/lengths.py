"""Name files and functions that have grown too long to be read at a sitting."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONGEST_FILE = 400
LONGEST_FUNCTION = 40
#: A function of so few statements is a table that is written out, however many lines it has.
STATEMENTS_OF_A_TABLE = 5


def complaints(path: Path) -> Iterator[str]:
    """What is too long in one file; a function's docstring does not count."""
    text = path.read_text(encoding="utf-8")
    where = path.relative_to(ROOT)
    if (lines := len(text.splitlines())) > LONGEST_FILE:
        yield f"{where}: {lines} lines, at most {LONGEST_FILE} are wanted"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = _length(node)
            if length > LONGEST_FUNCTION and len(node.body) > STATEMENTS_OF_A_TABLE:
                yield f"{where}:{node.lineno}: {node.name} has {length} lines of code"


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function from its name to its end, without its docstring."""
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None:
        length -= (first.end_lineno or first.lineno) - first.lineno + 1
    return length


def main() -> int:
    """Check every Python file that git knows or would add."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    files = [ROOT / name for name in listing.stdout.splitlines() if (ROOT / name).is_file()]
    found = [line for path in files for line in complaints(path)]
    print("\n".join(found) or f"{len(files)} files, none too long")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
