"""
Records of the DHT: what each type must contain, who may write it, and its signature.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from bitdust_node.dht.ids import place_of
from bitdust_node.dht.messages import RECORD_LIMIT, Layer, Sequence
from bitdust_node.errors import Invalid, Refused
from bitdust_node.identity.document import Document
from bitdust_node.identity.names import Locator, check_node_id
from bitdust_node.keys.canonical import canonical
from bitdust_node.keys.rsa import PrivateKey, PublicKey

VALUE_LIMIT = 5000
KEY_LIMIT = 300
SHORTEST = 120
LONGEST = 86_400
#: Seconds that the clock of a writer may be ahead of ours.
SKEW = 600

SKIP = "skip_validation"

_DOMAIN = "bitdust.dht.record.1"
_NODE_ID = re.compile(r"[0-9a-f]{64}")
_NICKNAME = re.compile(r"nickname:([A-Za-z0-9_.,{}\[\]()@!$^&*=+-]{3,20}):([0-9]{1,3})")


class Record(msgspec.Struct, array_like=True, frozen=True):
    """
    value: JSON object, UTF-8.
    sequence: the highest of an owner wins.
    created: unix seconds. lifetime: seconds from then.
    public: owner's key, DER; empty, as the signature, for `skip_validation`.
    """

    type: Annotated[str, msgspec.Meta(max_length=32)]
    key: Annotated[str, msgspec.Meta(min_length=1, max_length=KEY_LIMIT)]
    layer: Layer
    value: Annotated[bytes, msgspec.Meta(max_length=VALUE_LIMIT)]
    sequence: Sequence
    created: Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
    lifetime: Annotated[int, msgspec.Meta(ge=SHORTEST, le=LONGEST)]
    public: Annotated[bytes, msgspec.Meta(max_length=800)] = b""
    signature: Annotated[bytes, msgspec.Meta(max_length=512)] = b""

    @property
    def place(self) -> bytes:
        return place_of(self.type, self.key)

    @property
    def ends(self) -> int:
        return self.created + self.lifetime

    def contents(self) -> dict[str, Any]:
        """
        The value. Raises Invalid if it is no JSON object.
        """
        try:
            value = json.loads(self.value)
        except (ValueError, RecursionError):
            raise Invalid("the value of the record is not JSON") from None
        if not isinstance(value, dict):
            raise Invalid("the value of the record is not a JSON object")
        return value


@dataclass(frozen=True)
class Rule:
    """
    fields: names and types of what the value must contain besides `type`.
    suffix: what follows the owner in the key, a regular expression; None when the key names no owner.
    signed: by its owner.
    """

    fields: Mapping[str, type]
    suffix: str | None
    signed: bool = True


RULES: dict[str, Rule] = {
    "identity": Rule({"idurl": str, "identity": str}, ""),
    "suppliers": Rule({"customer_idurl": str, "ecc_map": str, "suppliers": list}, ":suppliers"),
    "relay": Rule({"idurl": str, "contacts": list}, ":relay"),
    "message_broker": Rule(
        {"customer_idurl": str, "broker_idurl": str, "position": int}, r":message_broker:[0-9]{1,3}"
    ),
    "nickname": Rule({"idurl": str, "nickname": str, "position": int}, None),
    SKIP: Rule({}, None, signed=False),
}

#: Where a name in the value must be that of the owner in the key.
_OWN_NAMES = ("idurl", "customer_idurl")

_decoder = msgspec.msgpack.Decoder(Record)


def rule_of(record_type: str) -> Rule:
    try:
        return RULES[record_type]
    except KeyError:
        known = ", ".join(RULES)
        raise Invalid(f"record type must have known validation rules: {known}") from None


def normal_key(record_type: str, key: str) -> str:
    """
    The key as it is kept: an owner written as IDURL becomes its global id. Raises Invalid if the type has other keys.
    """
    rule = rule_of(record_type)
    if not 1 <= len(key) <= KEY_LIMIT:
        raise Invalid(f"a DHT key has 1 to {KEY_LIMIT} characters")
    if rule.suffix is None:
        if record_type == "nickname" and not _NICKNAME.fullmatch(key):
            raise Invalid("the key of a nickname record is nickname:<nickname>:<slot>")
        return key
    found = re.fullmatch(f"(.+?)({rule.suffix})", key, re.DOTALL)
    if found is None:
        raise Invalid(f"the key of a record of type {record_type} is <owner>{rule.suffix}")
    return _normal_owner(found[1]) + found[2]


def _normal_owner(text: str) -> str:
    return text if _NODE_ID.fullmatch(text) else Locator.parse(text).global_id


def owner_of(record: Record) -> str:
    """
    Who must have signed the record: a node id, or a global id that has to be resolved to one; empty: anybody may write.
    """
    rule = rule_of(record.type)
    if not rule.signed:
        return ""
    if rule.suffix is None:
        return Locator.parse(str(record.contents()["idurl"])).global_id
    return named_owner(record.type, record.key)


def named_owner(record_type: str, key: str) -> str:
    """
    The owner that the key itself names: a node id or a global id; empty if keys of the type name nobody.
    """
    rule = rule_of(record_type)
    if rule.suffix is None:
        return ""
    found = re.fullmatch(f"(.+?)({rule.suffix})", key, re.DOTALL)
    if found is None:
        raise Invalid(f"the key of a record of type {record_type} is <owner>{rule.suffix}")
    return found[1]


def make(
    record_type: str,
    key: str,
    layer: int,
    value: Mapping[str, Any],
    *,
    sequence: int,
    created: int,
    lifetime: int,
    signer: PrivateKey | None,
) -> Record:
    """
    Write a record, and sign it if its type asks for that.
    """
    rule = rule_of(record_type)
    try:
        encoded = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    except (TypeError, ValueError, RecursionError):
        raise Invalid("input value must be a json") from None
    if len(encoded) > VALUE_LIMIT:
        raise Invalid(f"a DHT value may have {VALUE_LIMIT} bytes as JSON, this one has {len(encoded)}")
    record = Record(
        record_type,
        normal_key(record_type, key),
        layer,
        encoded,
        sequence,
        created,
        min(max(lifetime, SHORTEST), LONGEST),
    )
    if rule.signed:
        if signer is None:
            raise Refused(f"a record of type {record_type} is signed by its owner, and this node has no identity")
        record = msgspec.structs.replace(record, public=signer.public.der)
        record = msgspec.structs.replace(record, signature=signer.sign(_DOMAIN, _signed(record)))
    check(record, created)
    return record


def pack(record: Record) -> bytes:
    packed = msgspec.msgpack.encode(record)
    if len(packed) > RECORD_LIMIT:
        raise Invalid(f"a DHT record may have {RECORD_LIMIT} bytes, this one has {len(packed)}")
    return packed


def parse(packed: bytes) -> Record:
    """
    Read a record without believing it: `check` and `verify` come after. Raises Invalid.
    """
    try:
        return _decoder.decode(packed)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Invalid(f"not a DHT record: {error}") from None


def check(record: Record, now: float) -> None:
    """
    All that is cheap: the rule of its type, and its times. Raises Invalid.
    """
    rule = rule_of(record.type)
    value = record.contents()
    if value.get("type") != record.type:
        raise Invalid(f"the value must carry 'type' equal to {record.type}")
    for name, kind in rule.fields.items():
        if not isinstance(value.get(name), kind) or isinstance(value[name], bool):
            raise Invalid(f"the value of a record of type {record.type} must carry {name!r} of type {kind.__name__}")
    if normal_key(record.type, record.key) != record.key:
        raise Invalid("the owner in the key is not written as a global id")
    if record.created > now + SKEW:
        raise Invalid("the record comes from the future")
    if record.ends <= now:
        raise Invalid("the record has expired")
    if rule.signed:
        _check_names(record, value)
    elif record.public or record.signature:
        raise Invalid(f"a record of type {record.type} carries no signature")
    elif record.sequence > (now + SKEW) * 1000:
        raise Invalid("the sequence number comes from the future")


def _check_names(record: Record, value: Mapping[str, Any]) -> None:
    owner = owner_of(record)
    if not _NODE_ID.fullmatch(owner):
        for name in _OWN_NAMES:
            if name in value and Locator.parse(value[name]).global_id != owner:
                raise Invalid(f"{name!r} in the value is not the owner that the key names")
    if record.type == "nickname" and record.key != f"nickname:{value['nickname']}:{value['position']}":
        raise Invalid("nickname and position in the value are not those of the key")


def verify(record: Record) -> str:
    """
    Check the signature (heavy). Returns the node id of who signed, empty for types that nobody signs.

    Raises Corrupt if it does not fit, Refused if the key is not that of the owner as far as the record itself can tell.
    """
    if not rule_of(record.type).signed:
        return ""
    public = PublicKey.from_der(record.public)
    public.verify(_DOMAIN, _signed(record), record.signature)
    owner = owner_of(record)
    if _NODE_ID.fullmatch(owner) and check_node_id(owner) != public.node_id:
        raise Refused("the record is signed by somebody else than its owner")
    if record.type == "identity":
        value = record.contents()
        document = Document.parse(value["identity"].encode(), VALUE_LIMIT)
        if document.node_id != public.node_id:
            raise Refused("the identity document in the record belongs to another key")
        if document.idurl != value["idurl"] or owner not in (document.node_id, document.global_id):
            raise Invalid("the identity document in the record is not that of the owner that the key names")
    return public.node_id


def _signed(record: Record) -> bytes:
    return canonical(
        "record",
        record.type,
        record.key,
        record.layer,
        record.value,
        record.sequence,
        record.created,
        record.lifetime,
        record.public,
    )
