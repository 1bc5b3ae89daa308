"""
The contract as objects: one for each documented method, and those that `native-api.md` adds in section (g).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bitdust_node

DOCS = Path(bitdust_node.__file__).resolve().parent.parent / "docs"

#: Section (g): method, its parameters, its forms on HTTP.
BEYOND: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "files_list": (
        ("remote_path", "key_id", "recursive", "all_customers", "include_uploads", "include_downloads"),
        ("GET /file/list/v1", "GET /v1/file/list"),
    ),
    "network_status": (
        ("suppliers", "customers", "cache", "tcp", "udp", "proxy", "dht"),
        ("GET /network/status/v1", "GET /v1/network/status"),
    ),
    "share_info": (("key_id",), ("GET /share/info/v1",)),
    "group_info_dht": (("group_creator_id",), ("GET /group/info/dht/v1",)),
    "group_reconnect": (("group_key_id", "use_dht_cache"), ("PUT /group/reconnect/v1",)),
    "message_conversations_list": (("message_types", "offset", "limit"), ("GET /message/conversation/v1",)),
    "service_health": (("service_name",), ("GET /service/health/{service_name}/v1",)),
    "queue_streams_list": ((), ("GET /queue/stream/list/v1",)),
    "queue_keepers_list": ((), ("GET /queue/keeper/list/v1",)),
    "queue_peddlers_list": ((), ("GET /queue/peddler/list/v1",)),
    "automat_info": (("index", "automat_id"), ("GET /automat/info/v1", "GET /state/info/v1")),
    "automat_events_start": (
        ("index", "automat_id", "state_unchanged"),
        ("POST /automat/events/start/v1", "POST /state/events/start/v1"),
    ),
    "automat_events_stop": (
        ("index", "automat_id"),
        ("POST /automat/events/stop/v1", "POST /state/events/stop/v1"),
    ),
    "enable_model_listener": (("model_name", "request_all"), ()),
    "disable_model_listener": (("model_name",), ()),
    "request_model_data": (("model_name", "query_details"), ()),
    "suppliers_list_dht": (("customer_id",), ()),
    "events_list": ((), ("GET /event/list/v1",)),
    "process_info": ((), ("GET /process/info/v1",)),
    "key_state": (("key_id", "active"), ("POST /key/state/v1",)),
    "chunk_read": (("path", "offset", "max_size"), ()),
    "chunk_write": (("data", "path"), ()),
    "devices_list": ((), ("GET /device/list/v1",)),
    "device_info": (("name",), ("GET /device/info/v1",)),
    "device_add": (("name",), ("POST /device/add/v1",)),
    "device_start": (("name",), ("POST /device/start/v1",)),
    "device_stop": (("name",), ("POST /device/stop/v1",)),
    "device_remove": (("name",), ("DELETE /device/remove/v1",)),
    "network_create": (("url",), ("POST /network/create/v1",)),
    "network_select": (("name",), ("POST /network/select/v1",)),
    "network_disconnect": ((), ("GET /network/disconnect/v1",)),
    "blockchain_info": ((), ("GET /blockchain/info/v1",)),
}


@dataclass(frozen=True)
class Parameter:
    """One parameter. `default` of a required one says nothing."""

    name: str
    type: str
    default: Any
    required: bool
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Documented:
    """
    One documented method.

    routes: "VERB /path" with `{arguments}`.
    needs: services without which it answers that they are not started.
    """

    name: str
    parameters: tuple[Parameter, ...]
    routes: tuple[str, ...]
    kind: str
    shape: Any
    errors: tuple[tuple[str, str], ...]
    needs: tuple[str, ...]


def documented() -> list[Documented]:
    """All documented methods, in the order of the contract."""
    return [_documented(one) for one in json.loads((DOCS / "native-api.json").read_text("utf-8"))]


def filled(route: str, value: str) -> str:
    """A path with a value for each of its arguments."""
    return re.sub(r"\{\w+\}", value, route)


def _documented(told: dict[str, Any]) -> Documented:
    parameters = [_parameter(one) for one in (*told["params"], *told.get("optional_later_params", ()))]
    return Documented(
        name=told["name"],
        parameters=tuple(parameters),
        routes=tuple(told["routes"]),
        kind=told["result"]["kind"],
        shape=told["result"].get("shape"),
        errors=tuple((one["when"], one["message"]) for one in told["errors"]),
        # "service_my_data (master key)" depends on the arguments
        needs=tuple(name for name in told["needs_services"] if re.fullmatch(r"service_\w+", name)),
    )


def _parameter(told: dict[str, Any]) -> Parameter:
    required = told["default"] == "required"
    return Parameter(
        told["name"], told["type"], told["default"], required, tuple(told.get("accept_keys", (told["name"],)))
    )
