"""
The objects of the node itself that answer methods of the API; services answer the others.
"""

from __future__ import annotations

from collections.abc import Mapping

from bitdust_node.api.automats import AutomatsApi
from bitdust_node.api.chunks import ChunksApi
from bitdust_node.api.config import ConfigApi
from bitdust_node.api.events import EventsApi
from bitdust_node.api.later import LaterApi
from bitdust_node.api.models import Models
from bitdust_node.api.process import ProcessApi
from bitdust_node.api.registry import Registry
from bitdust_node.api.service_model import ServiceModel
from bitdust_node.api.services import ServicesApi
from bitdust_node.identity.api import IdentityApi
from bitdust_node.identity.recovery import Recovery

#: Made before the services are, so that clients hear how the node comes up.
EARLY: tuple[type, ...] = (ProcessApi, ConfigApi, EventsApi, AutomatsApi, Models)
#: Made with the services, before any of them starts.
LATE: tuple[type, ...] = (ServicesApi, IdentityApi, Recovery, LaterApi, ServiceModel, ChunksApi)


def declared(services: Mapping[str, type]) -> Registry:
    """
    All methods that a node with these services has, without a node: to describe them, not to call them.
    """
    registry = Registry()
    for cls in (*EARLY, *LATE, *services.values()):
        registry.add_class(cls, lambda: None)
    return registry
