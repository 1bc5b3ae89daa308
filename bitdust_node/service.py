"""
What every service is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from bitdust_node.api.models import Source


class Service:
    """
    One role of the node that can be on or off.

    Its constructor takes by annotation the parts that it uses, other services among them, and does nothing but keep
    them: a service that is off is made too, so that its API methods can answer. `start` and `stop` have time limits,
    and may run many times.
    """

    #: Short name of the contract: `employer` is `service_employer` and the option `services/employer/enabled`.
    name: ClassVar[str]
    #: Short names of services that must be ON before this one can start.
    depends: ClassVar[tuple[str, ...]] = ()
    #: Short names of services that are started before this one if they can be, and used if they are ON.
    soft: ClassVar[tuple[str, ...]] = ()
    #: True if the service is NOT_INSTALLED while the node has no identity.
    needs_identity: ClassVar[bool] = False

    async def start(self) -> None:
        """
        Begin to work; an exception means that the service stays OFF.
        """

    async def stop(self) -> None:
        """
        End the work and give back whatever was taken. It is called also after a start that failed in the middle.
        """

    def ready(self) -> str | None:
        """
        None if the service is useful now, else why not, e.g. "hired 1 of 4".
        """
        return None

    def models(self) -> Sequence[Source]:
        """
        The models of the API whose objects this service knows; it is asked for them only while it is ON.
        """
        return ()

    async def counters(self) -> Mapping[str, Mapping[str, Any]]:
        """
        What `process_info` shows of this service: numbers by their names, by subject.
        """
        return {}

    async def reconnect(self) -> None:
        """
        Make all connections anew, as the network may be another one now.
        """

    def network_configuration(self) -> dict[str, Any] | None:
        """
        What `network_configuration` shows of this service.
        """
        return None
