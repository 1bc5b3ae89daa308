"""
Examples of the node itself: its process, options, services, machines, events, network and DHT.
"""

from __future__ import annotations

from bitdust_node.api.examples.example import FRESH, Example, Refusal, off

_NO_SERVICE = Refusal("there is no such service", {"service_name": "nope"}, "service nope was not found")
_NO_MODEL = Refusal("there is no such model", {"model_name": "nope"}, "")
_NO_TYPE = "record type must have known validation rules"

NODE: tuple[Example, ...] = (
    Example("process_health"),
    Example("process_info"),
    Example("process_debug", answer="needs a terminal and the option logs/memdebug-enabled"),
    Example("api_methods"),
    Example(
        "config_get",
        {"key": "logs/debug-level"},
        refusals=(
            Refusal("the key is empty", {"key": ""}, "empty key"),
            Refusal("there is no such option", {"key": "no/such"}, "option no/such does not exist"),
        ),
    ),
    Example(
        "config_set",
        {"key": "personal/nickname", "value": "ally"},
        refusals=(
            Refusal("there is no such option", {"key": "no/such", "value": "1"}, "option no/such does not exist"),
            Refusal(
                "the value has another type", {"key": "logs/debug-level", "value": "x"}, "option logs/debug-level must"
            ),
        ),
    ),
    Example("configs_list", {"sort": True}),
    Example("configs_tree"),
    Example("services_list"),
    Example("service_info", {"service_name": "service_customer"}, refusals=(_NO_SERVICE,)),
    Example("service_health", {"service_name": "service_customer"}, refusals=(_NO_SERVICE,)),
    Example(
        "service_stop",
        {"service_name": "service_my_data"},
        refusals=(
            _NO_SERVICE,
            Refusal(
                "it is off", {"service_name": "service_identity_server"}, "service_identity_server is already disabled"
            ),
        ),
    ),
    Example(
        "service_start",
        {"service_name": "service_my_data"},
        refusals=(
            _NO_SERVICE,
            Refusal("it is on", {"service_name": "service_customer"}, "service_customer is already started"),
        ),
    ),
    Example("service_restart", {"service_name": "service_my_data"}, refusals=(_NO_SERVICE,)),
    Example("automats_list"),
    Example(
        "automat_info",
        {"automat_id": "node"},
        refusals=(Refusal("none is named", {}, "give either index or automat_id of the state machine"),),
    ),
    Example("automat_events_start", {"automat_id": "node"}),
    Example("automat_events_stop", {"automat_id": "node"}),
    Example(
        "event_send",
        {"event_id": "my-event", "data": {"answer": 42}},
        refusals=(
            Refusal("the data is text but no JSON", {"event_id": "x", "data": "{"}, "json data payload is not correct"),
        ),
    ),
    Example("event_listen", {"consumer_callback_id": "listener-1"}),
    Example("events_list"),
    Example("enable_model_listener", {"model_name": "service", "request_all": True}, refusals=(_NO_MODEL,)),
    Example("request_model_data", {"model_name": "service"}, refusals=(_NO_MODEL,)),
    Example("disable_model_listener", {"model_name": "service"}, refusals=(_NO_MODEL,)),
)

NETWORK: tuple[Example, ...] = (
    Example("network_status", {"suppliers": True, "dht": True}),
    Example("network_info"),
    Example("network_configuration"),
    Example("network_connected", {"wait_timeout": 5}),
    Example("network_reconnect"),
    off("network_stun", "udp_transport"),
    Example(
        "network_create", {"url": "http://example.net/network.json"}, "this version of the node knows one network only"
    ),
    Example("network_select", {"name": "main"}, "this version of the node knows one network only"),
    Example(
        "network_disconnect",
        {},
        "this version of the node knows one network only; service_stop of network goes offline",
    ),
    Example("connections_list", {"protocols": ["tcp", "udp"]}),
    Example("streams_list"),
    Example("packets_list"),
    Example("packets_stats"),
    Example("dht_node_find"),
    Example("dht_user_random", {"layer_id": 3, "count": 1}),
    Example(
        "dht_value_set",
        {"key": "greeting", "value": {"type": "skip_validation", "text": "hello"}},
        refusals=(
            Refusal("the value is no JSON", {"key": "greeting", "value": "{"}, "input value must be a json"),
            Refusal("the type is not known", {"key": "greeting", "value": {}, "record_type": "nope"}, _NO_TYPE),
        ),
    ),
    Example(
        "dht_value_get",
        {"key": "greeting"},
        refusals=(Refusal("the type is not known", {"key": "greeting", "record_type": "nope"}, _NO_TYPE),),
    ),
    Example("dht_local_db_dump"),
)

#: Devices and chains: features of other editions.
OTHERS: tuple[Example, ...] = (
    *(
        off(name, "web_socket_communicator", **arguments)
        for name, arguments in (
            ("devices_list", {}),
            ("device_add", {"name": "phone"}),
            ("device_info", {"name": "phone"}),
            ("device_start", {"name": "phone"}),
            ("device_authorization_request", {"name": "phone"}),
            ("device_authorization_generate", {"name": "phone"}),
            ("device_authorization_client_code", {"name": "phone", "client_code": "1234"}),
            ("device_authorization_reset", {"name": "phone"}),
            ("device_router_info", {"name": "phone"}),
            ("device_stop", {"name": "phone"}),
            ("device_remove", {"name": "phone"}),
        )
    ),
    off("blockchain_info", "bismuth_blockchain"),
    off("blockchain_wallet_balance", "bismuth_wallet"),
    off("blockchain_wallet_transactions", "bismuth_wallet"),
    off("blockchain_transaction_send", "bismuth_wallet", recipient="0123456789abcdef", amount=1.5),
    off("blockchain_block_produce", "bismuth_miner"),
)

END: tuple[Example, ...] = (
    Example("identity_erase", node=FRESH, again="local identity is not valid or not exist"),
    Example("process_restart", node=FRESH),
    Example("process_stop", node=FRESH),
)
