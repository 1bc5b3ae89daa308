"""
`python -m tests.chaos [--seed N] [--steps N] [--every N]`: a long run in one process.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.play import Play


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seed", type=int, default=0, help="of an earlier run; else a new one")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--every", type=int, default=25, help="steps between two quiet points")
    parser.add_argument("--quiet", action="store_true", help="do not tell every step")
    given = parser.parse_args()
    if "PYTHONHASHSEED" not in os.environ:
        # the order of sets is a part of the seed
        os.execve(
            sys.executable, [sys.executable, "-m", "tests.chaos", *sys.argv[1:]], {**os.environ, "PYTHONHASHSEED": "1"}
        )
    seed = given.seed or secrets.randbelow(10**9) + 1
    print(f"seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    play = Play(seed, folder, (lambda text: None) if given.quiet else print)
    try:
        play.run(given.steps, given.every)
        play.world.close()
    except AssertionError:
        print("\n".join(play.world.said))
        print(f"seed {seed}: broken")
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"seed {seed}: {given.steps} steps, {play.checked} downloads compared, nothing lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
