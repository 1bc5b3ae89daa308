"""
service_data_disintegration: the codes by which files become pieces are there.
"""

from __future__ import annotations

from typing import ClassVar

from twisted.logger import Logger

from bitdust_node.pieces.erasure import Code
from bitdust_node.pieces.isal import library
from bitdust_node.pieces.layout import SCHEMES
from bitdust_node.service import Service


class DataDisintegration(Service):
    """
    Makes sure at start that every offered redundancy can be coded on this machine.
    """

    log = Logger()

    name: ClassVar[str] = "data_disintegration"
    depends: ClassVar[tuple[str, ...]] = ("keys_registry",)
    needs_identity: ClassVar[bool] = True

    async def start(self) -> None:
        if library() is None:
            self.log.info("there is no ISA-L here: zfec codes alone, which takes more of the processor")
        for k, m in SCHEMES.values():
            Code(k, m)
