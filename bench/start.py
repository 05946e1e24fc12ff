"""Start of the command line.

python -m bench.start
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.measure import Result, alternate, finish, spread, timed


def main() -> None:
    command = [str(Path(sys.executable).with_name("fireline")), "--help"]
    (costs,) = alternate([timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))], 9)
    cpu, wall = (spread([getattr(c, kind) for c in costs]) for kind in ("cpu", "wall"))
    finish([Result("fireline --help", "", "", cpu, "s", 0.3, wall)])


if __name__ == "__main__":
    main()
