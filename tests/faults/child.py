"""
`python -m tests.faults.child FOLDER NUMBER...`: the life of the supplier of `test_supplier`, once for each number, in a
process that is killed (SIGKILL) by that operation on its disk.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests.faults.disk import Operation
from tests.faults.test_supplier import SupplierFaults


class Fatal(list[Operation]):
    """
    Whoever appends the last operation dies of it.
    """

    def __init__(self, last: int) -> None:
        super().__init__()
        self._last = last

    def append(self, operation: Operation) -> None:
        super().append(operation)
        if len(self) == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path, numbers: list[int]) -> None:
    os.chdir(folder)
    for number in numbers:
        if os.fork() == 0:
            case = SupplierFaults("test_stopped_anywhere")
            case.setUp()
            case.move(folder / str(number))
            case.disk.operations = Fatal(number)
            case.live()
            os._exit(1)
        os.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(one) for one in sys.argv[2:]])
