"""
Every option of the node, declared once: path, type, default, label and what it does.

Options marked "accepted" belong to parts that this node does not have; they are kept so that existing clients and
scripts can set them.
"""

from __future__ import annotations

from bitdust_node.config.option import Kind, Option, Value
from bitdust_node.config.switches import SWITCHES
from bitdust_node.pieces.layout import PIECE_BLOCK

SUPPLIERS_NUMBERS = (2, 4, 7, 13, 18, 26, 64)
_ACCEPTED = "Accepted for existing clients; has no effect here."


def _yes(path: str, default: bool, label: str, info: str = _ACCEPTED, readonly: bool = False) -> Option:
    return Option(path, Kind.BOOLEAN, default, label, info, readonly=readonly)


def _count(path: str, default: int, label: str, info: str = _ACCEPTED, readonly: bool = False) -> Option:
    return Option(path, Kind.POSITIVE_INTEGER, default, label, info, readonly=readonly)


def _some(path: str, default: int, label: str, info: str = _ACCEPTED) -> Option:
    return Option(path, Kind.NON_ZERO_INTEGER, default, label, info)


def _port(
    path: str, default: int | str, label: str, info: str = _ACCEPTED, random: tuple[int, int] | None = None
) -> Option:
    return Option(path, Kind.PORT, default, label, info, random=random)


def _line(path: str, label: str, info: str = _ACCEPTED, default: str = "", words: tuple[str, ...] = ()) -> Option:
    return Option(path, Kind.STRING, default, label, info, words=words)


def _words(path: str, label: str, info: str = _ACCEPTED, default: str = "") -> Option:
    return Option(path, Kind.TEXT, default, label, info)


def _space(path: str, default: str, label: str, info: str, least: int = 0) -> Option:
    return Option(path, Kind.DISK_SPACE, default, label, info, least=least)


def _folder(path: str, label: str, info: str = _ACCEPTED) -> Option:
    return Option(path, Kind.FOLDER, "", label, info)


def _other(path: str, kind: Kind, default: Value, label: str, info: str = _ACCEPTED) -> Option:
    return Option(path, kind, default, label, info)


_INTERFACE = (
    _yes("interface/api/auth-secret-enabled", True, "API secret", "Clients must show the secret of the API."),
    _yes("interface/api/json-rpc-enabled", True, "JSON-RPC"),
    _port("interface/api/json-rpc-port", 8083, "JSON-RPC port"),
    _yes("interface/api/rest-http-enabled", True, "HTTP API", "Serves the API by HTTP on this machine."),
    _port("interface/api/rest-http-port", 8180, "HTTP API port", "TCP port of the HTTP API, on 127.0.0.1 only."),
    _yes("interface/api/web-socket-enabled", True, "WebSocket API", "Serves the API by WebSocket on this machine."),
    _port("interface/api/web-socket-port", 8280, "WebSocket port", "TCP port of the WebSocket, on 127.0.0.1 only."),
    _yes("interface/ftp/enabled", True, "FTP server"),
    _port("interface/ftp/port", 8021, "FTP port"),
)

_LOGS = (
    _yes("logs/api-enabled", False, "API log", "Writes every call of the API to logs/api.log, without secrets."),
    _yes("logs/automat-events-enabled", False, "automat events", "Logs the inputs of all state machines."),
    _yes("logs/automat-transitions-enabled", False, "automat transitions", "Logs the steps of all state machines."),
    _count("logs/debug-level", 0, "debug level", "0 logs what matters; higher numbers log more."),
    _yes("logs/memdebug-enabled", False, "memory debugger"),
    _port("logs/memdebug-port", 9996, "memory debugger port"),
    _yes("logs/memprofile-enabled", False, "memory profile"),
    _yes("logs/packet-enabled", False, "packet log", "Logs every message that comes or goes."),
    _yes("logs/stream-enabled", False, "log stream"),
    _port("logs/stream-port", 9999, "log stream port"),
    _yes("logs/traffic-enabled", False, "traffic page"),
    _port("logs/traffic-port", 9997, "traffic page port"),
)

_PATHS = (
    _folder("paths/backups", "local copies"),
    _folder(
        "paths/customers", "pieces of customers", "Where pieces of other nodes are kept; empty: in the data folder."
    ),
    _folder("paths/messages", "messages"),
    _folder("paths/receipts", "receipts"),
    _folder("paths/restore", "restored files", "Where downloads go that name no folder; empty: in the data folder."),
)

_PERSONAL = (
    _yes("personal/betatester", False, "beta tester"),
    _line("personal/email", "e-mail"),
    _line("personal/name", "name"),
    _line("personal/nickname", "nickname", "By this name others find you, if you wish. It need not be yours alone."),
    Option(
        "personal/private-key-size", Kind.POSITIVE_INTEGER, 2048, "private key size",
        "Bits of the private key of a new identity.", readonly=True, choices=(1024, 2048, 4096),
    ),
    _line("personal/surname", "surname"),
)  # fmt: skip

_STORAGE = (
    _space("services/backups/block-size", "4 MB", "block size", "Accepted; segments have a size of their own."),
    _yes("services/backups/keep-local-copies-enabled", True, "keep local copies"),
    _space("services/backups/max-block-size", "16 MB", "largest block", "Accepted; segments have a size of their own."),
    _count("services/backups/max-copies", 2, "versions kept", "Versions of a file that are kept; 0 keeps all."),
    _yes("services/backups/wait-suppliers-enabled", True, "wait for suppliers",
         "Waits for the answers of all suppliers before local copies are removed."),
    _count("services/customer-patrol/customer-idle-days", 14, "idle days of a customer",
           "Days after which a silent customer loses his place."),
    _space("services/customer/needed-space", "256 MB", "needed space", "Space to hire for the data of this node.",
           least=PIECE_BLOCK),
    Option("services/customer/suppliers-number", Kind.SELECTION, 2, "number of suppliers",
           "How many suppliers keep the data of this node.", choices=SUPPLIERS_NUMBERS),
    _some("services/data-motion/supplier-request-queue-size", 4, "requests to a supplier",
          "Pieces requested from one supplier at the same time."),
    _some("services/data-motion/supplier-sending-queue-size", 4, "sendings to a supplier",
          "Pieces sent to one supplier at the same time."),
    _line("services/employer/candidates", "candidates",
          "Suppliers to try first: global ids or identity URLs, separated by commas."),
    _yes("services/employer/replace-critically-offline-enabled", True, "replace suppliers",
         "Replaces suppliers that are offline for longer than the grace time."),
    _other("services/employer/replacement-grace-hours", Kind.NON_ZERO_FLOAT, 48.0, "grace time",
           "Hours for which a supplier may be offline before it is replaced."),
    _yes("services/keys-storage/reset-unreliable-backup-copies", True, "reset unreliable copies"),
    _yes("services/rebuilding/child-processes-enabled", False, "child processes"),
    _other("services/supplier-contracts/duration-raise-factor", Kind.NON_ZERO_FLOAT, 2.0, "duration factor"),
    _some("services/supplier-contracts/initial-duration-hours", 6, "first duration"),
    _space("services/supplier/donated-space", "8 GB", "donated space", "Disk space given to customers."),
    _count("services/supplier/lapsed-days", 90, "days of grace",
           "Days for which pieces are kept after their lease has lapsed; 0: until the space is needed."),
    _line("services/supplier/s3-access-key", "S3 access key", "Access key of the object store."),
    _line("services/supplier/s3-bucket", "S3 bucket", "Bucket that pieces of customers are kept in; it must exist."),
    _line("services/supplier/s3-endpoint", "S3 endpoint", "https://host:port of the object store; empty: AWS."),
    _line("services/supplier/s3-prefix", "S3 prefix", "Begin of the names of all objects; the id of the node follows."),
    _line("services/supplier/s3-region", "S3 region", "Region of the bucket; empty: us-east-1."),
    _other("services/supplier/s3-secret-key", Kind.PASSWORD, "", "S3 secret key", "Secret key of the object store."),
    _space("services/supplier/scrub-rate", "1 MB", "scrub rate",
           "Bytes a second of what is kept for customers that are read to find what has gone bad; 0 is off."),
    _line("services/supplier/store", "store of pieces",
          "Where pieces of customers are kept: folder, or s3 for an object store.", "folder", ("folder", "s3")),
)  # fmt: skip

_NETWORK = (
    _line("services/entangled-dht/attached-layers", "DHT layers", "Layers to take part in, separated by commas."),
    _line("services/entangled-dht/known-nodes", "DHT seeds", "Nodes to join the DHT by, host:port each, or genesis."),
    _port("services/entangled-dht/udp-port", 14441, "DHT port", "UDP port of the DHT.", random=(10000, 11000)),
    _count("services/gateway/p2p-timeout", 15, "answer time", "Seconds to wait for the answer of another node."),
    _port("services/http-connections/http-port", 9993, "HTTP transport port"),
    _count("services/http-transport/priority", 50, "priority of HTTP"),
    _yes("services/http-transport/receiving-enabled", True, "receiving by HTTP"),
    _yes("services/http-transport/sending-enabled", True, "sending by HTTP"),
    _yes("services/identity-propagate/automatic-rotate-enabled", True, "replace dead servers",
         "Replaces identity servers that do not answer."),
    _count("services/identity-propagate/health-check-interval-seconds", 300, "check interval",
           "Seconds between two checks of the own identity on its servers."),
    _line("services/identity-propagate/known-servers", "identity servers",
          "Identity servers to register with: host:port, host:port."),
    _some("services/identity-propagate/max-servers", 5, "most identity servers", "Identity servers used at most."),
    _some("services/identity-propagate/min-servers", 2, "least identity servers",
          "Identity servers that must accept a new identity."),
    _line("services/identity-propagate/preferred-servers", "preferred identity servers",
          "Identity servers to try first."),
    _line("services/identity-server/host", "host of the identity server", "Public host name of the identity server."),
    _port("services/identity-server/tcp-port", 6661, "identity server TCP port"),
    _port("services/identity-server/web-port", 8084, "identity server port", "HTTP port of the identity server."),
    _line("services/network/interface", "listening address",
          "Address that TCP, UDP and the identity server listen on; empty: all addresses of this machine."),
    _yes("services/network/proxy/enabled", False, "proxy"),
    _line("services/network/proxy/host", "proxy host"),
    _other("services/network/proxy/password", Kind.PASSWORD, "", "proxy password"),
    _port("services/network/proxy/port", "", "proxy port"),
    _yes("services/network/proxy/ssl", False, "proxy by TLS"),
    _line("services/network/proxy/username", "proxy user"),
    _count("services/network/receive-limit", 125000000, "receive limit",
           "Bytes received per second at most, of all peers together; 0 is no limit."),
    _count("services/network/send-limit", 12500000, "send limit",
           "Bytes of files sent per second at most, to all peers together; 0 is no limit."),
    _words("services/proxy-server/current-routes", "routes", default="{}"),
    _count("services/proxy-server/routes-limit", 20, "most routes"),
    _line("services/proxy-transport/current-router", "current router"),
    _words("services/proxy-transport/my-original-identity", "identity without router"),
    _words("services/proxy-transport/preferred-routers", "preferred routers"),
    _count("services/proxy-transport/priority", 100, "priority of routers"),
    _yes("services/proxy-transport/receiving-enabled", True, "receiving by router"),
    _count("services/proxy-transport/router-lifetime-seconds", 600, "life of a route"),
    _yes("services/proxy-transport/sending-enabled", True, "sending by router"),
    _port("services/tcp-connections/tcp-port", 7771, "TCP port", "TCP port of this node.", random=(7000, 8000)),
    _yes("services/tcp-connections/upnp-enabled", True, "UPnP", "Asks the router of the house to open the port.",
         readonly=True),
    _count("services/tcp-transport/priority", 10, "priority of TCP", "Lower numbers are tried first."),
    _yes("services/tcp-transport/receiving-enabled", True, "receiving by TCP", "Accepts connections by TCP."),
    _yes("services/tcp-transport/sending-enabled", True, "sending by TCP", "Opens connections by TCP."),
    _port("services/udp-datagrams/udp-port", 8882, "UDP port", "UDP port of this node.", random=(8000, 9000)),
    _count("services/udp-transport/priority", 20, "priority of UDP", readonly=True),
    _yes("services/udp-transport/receiving-enabled", True, "receiving by UDP", readonly=True),
    _yes("services/udp-transport/sending-enabled", True, "sending by UDP", readonly=True),
)  # fmt: skip

_PEOPLE = (
    _some("services/broadcasting/max-broadcast-connections", 3, "broadcast connections"),
    _yes("services/broadcasting/routing-enabled", False, "broadcast routing"),
    _space(
        "services/joint-postman/group-space",
        "64 MB",
        "space of a group",
        "What one group of a customer may fill here; the oldest posts give way. It counts into his lease.",
    ),
    _some("services/message-broker/archive-chunk-size", 100, "archive chunk"),
    _some("services/private-groups/broker-connect-timeout", 120, "broker time-out"),
    _some("services/private-groups/message-ack-timeout", 30, "message time-out"),
    _words("services/private-groups/preferred-brokers", "preferred brokers"),
    _yes("services/private-messages/acknowledge-unread-messages-enabled", True, "acknowledge unread messages"),
    _some("services/web-socket-communicator/max-connections", 5, "most connections"),
    _some("services/web-socket-communicator/min-connections", 3, "least connections"),
    _line("services/web-socket-router/host", "router host"),
    _port("services/web-socket-router/port", 8282, "router port"),
)

_CHAINS = (
    _line("services/bismuth-node/host", "host", default="127.0.0.1"),
    _port("services/bismuth-node/tcp-port", 15658, "port"),
    _line("services/bismuth-pool/host", "host", default="127.0.0.1"),
    _port("services/bismuth-pool/tcp-port", 18525, "port"),
    _count("services/blockchain-authority/registration-bonus-coins", 100, "registration bonus"),
    _some("services/blockchain-authority/requests-reading-limit", 50, "reading limit"),
    _count("services/blockchain-authority/requests-reading-offset", 0, "reading offset"),
    _line("services/blockchain-explorer/host", "host", default="127.0.0.1"),
    _port("services/blockchain-explorer/web-port", 19080, "port"),
    _yes("services/blockchain/explorer/enabled", True, "explorer"),
    _port("services/blockchain/explorer/port", 9180, "explorer port"),
    _line("services/blockchain/host", "host", default="127.0.0.1"),
    _yes("services/blockchain/miner/enabled", False, "miner"),
    _port("services/blockchain/port", 9100, "port"),
    _other("services/blockchain/seeds", Kind.UNDEFINED, "", "seeds"),
    _yes("services/blockchain/wallet/enabled", True, "wallet"),
    _port("services/blockchain/wallet/port", 9280, "wallet port"),
)

#: All options by path, sorted.
OPTIONS: dict[str, Option] = {
    option.path: option
    for option in sorted(
        _INTERFACE + _LOGS + _PATHS + _PERSONAL + _STORAGE + _NETWORK + _PEOPLE + _CHAINS + SWITCHES,
        key=lambda option: option.path,
    )
}
