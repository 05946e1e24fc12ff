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
    seconds = spread([c.wall for c in costs])
    cpu = spread([c.cpu for c in costs])
    finish([Result("fireline --help", "", "", seconds, "s", 0.3, note=f"CPU s: {cpu}")])


if __name__ == "__main__":
    main()
