"""
`python -m tests.chaos [--seed N] [--steps N] [--every N] [--minutes N]`: a long run.

Steps are taken in one process on the memory network, minutes are spent on real processes.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.chaos.play import Play
from tests.chaos.real import RealPlay


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seed", type=int, default=0, help="of an earlier run; else a new one")
    parser.add_argument("--steps", type=int, default=2000, help="in one process")
    parser.add_argument("--minutes", type=float, default=0, help="on real processes")
    parser.add_argument("--every", type=int, default=20, help="steps between two quiet points")
    parser.add_argument("--brief", action="store_true", help="do not tell every step")
    given = parser.parse_args()
    if "PYTHONHASHSEED" not in os.environ:
        # the order of sets is a part of the seed
        command = [sys.executable, "-m", "tests.chaos", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, "PYTHONHASHSEED": "1"})
    seed = given.seed or secrets.randbelow(10**9) + 1
    print(f"seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    say: Callable[[str], object] = (lambda text: None) if given.brief else lambda text: print(text, flush=True)
    if given.steps:
        virtual(seed, folder / "virtual", given.steps, given.every, say)
    if given.minutes:
        real(seed, folder / "real", given.minutes, given.every, say)
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def virtual(seed: int, folder: Path, steps: int, every: int, say: Callable[[str], object]) -> None:
    play = Play(seed, folder, say)
    try:
        play.run(steps, every)
        play.world.close()
    except AssertionError as error:
        print("\n".join(play.world.said))
        broken(seed, folder, error)
        raise
    print(f"result: seed {seed}, {steps} steps in one process, {play.checked} downloads compared, 0 lost", flush=True)


def real(seed: int, folder: Path, minutes: float, every: int, say: Callable[[str], object]) -> None:
    play = RealPlay(seed, folder, say=say)
    try:
        play.open(suppliers_number=4)
        play.run(minutes * 60, every)
    except AssertionError as error:
        broken(seed, folder, error)
        raise
    finally:
        play.close()
    told = f"{play.taken} steps on {len(play.network.nodes)} processes, {minutes:g} minutes"
    print(f"result: seed {seed}, {told}, {play.checked} downloads compared, 0 lost", flush=True)


def broken(seed: int, folder: Path, error: AssertionError) -> None:
    print(f"result: seed {seed}, BROKEN: {error}; all is left in {folder}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
