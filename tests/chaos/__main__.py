"""
`python -m tests.chaos [--seed N] [--steps N] [--every N] [--minutes N]`: a long run.

Steps are taken in one process on the memory network, minutes are spent on real processes. These have networks and small
disks of their own where the system lets them (root, or a user who may make namespaces).
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

from bitdust_node.errors import BitDustError
from tests.chaos.apart import run_apart
from tests.chaos.machine import needs
from tests.chaos.play import Play
from tests.chaos.real import RealPlay

APART = "real processes: wires between them are cut, and small disks of their own are filled"
PLAIN = "real processes: this user may not have networks and disks of their own: wires are cut by freezing processes"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seed", type=int, default=0, help="of an earlier run; else a new one")
    parser.add_argument("--steps", type=int, default=2000, help="in one process")
    parser.add_argument("--minutes", type=float, default=0, help="on real processes")
    parser.add_argument("--every", type=int, default=20, help="steps between two quiet points")
    parser.add_argument("--suppliers", type=int, default=8, help="real processes")
    parser.add_argument("--customers", type=int, default=2, help="real processes")
    parser.add_argument("--plain", action="store_true", help="cut no wires and fill no disks of real processes")
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

        def work(apart: bool) -> int:
            counts = given.suppliers, given.customers
            real(seed, folder / "real", counts, given.minutes, given.every, apart, say)
            return 0

        code = None if given.plain else run_apart(lambda: work(apart=True), needs)
        if code is None:
            work(apart=False)
        elif code:
            return code
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


def real(
    seed: int,
    folder: Path,
    counts: tuple[int, int],
    minutes: float,
    every: int,
    apart: bool,
    say: Callable[[str], object],
) -> None:
    print(APART if apart else PLAIN, flush=True)
    play = RealPlay(seed, folder, *counts, apart=apart, say=say)
    save = True
    try:
        play.open(suppliers_number=4)
        play.run(minutes * 60, every)
        save = False
    except (AssertionError, BitDustError) as error:
        broken(seed, folder, error)
        raise
    finally:
        play.close(save)
    told = f"{play.taken} steps on {len(play.network.nodes)} processes, {minutes:g} minutes"
    print(f"result: seed {seed}, {told}, {play.checked} downloads compared, 0 lost", flush=True)


def broken(seed: int, folder: Path, error: Exception) -> None:
    print(f"result: seed {seed}, BROKEN: {error}; all is left in {folder}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
