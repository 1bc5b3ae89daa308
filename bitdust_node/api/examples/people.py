"""
Examples of identities, keys, friends, messages, groups and shares.
"""

from __future__ import annotations

from bitdust_node.api.examples.example import FRESH, SUPPLIER, Example, Refusal

_KEY = "docs$alice@127.0.0.1_8084"
_BOB = "bob@127.0.0.1_8084"
_NOBODY = "nobody@127.0.0.1_8084"
_SHARE = "share_0123456789abcdef0123456789abcdef$alice@127.0.0.1_8084"
_NO_SHARE = Refusal("it names no share", {"key_id": "master"}, "invalid share id")
_GROUP = "group_0123456789abcdef0123456789abcdef$alice@127.0.0.1_8084"
_NO_KEY = Refusal("the key is not known", {"key_id": "nope"}, "key nope$alice@127.0.0.1_8084 is not registered")
_BAD_KEY = Refusal("the text is no key id", {"key_id": "a$$b"}, "incorrect key_id format")


def _no_group(**more: object) -> Refusal:
    arguments = {"group_key_id": "master$alice@127.0.0.1_8084", **more}
    return Refusal("it is no id of a group", arguments, "invalid group id")


IDENTITIES: tuple[Example, ...] = (
    Example(
        "identity_create",
        {"username": "carol"},
        again="user name carol is already taken",
        node=FRESH,
        refusals=(
            Refusal("the node has an identity", {"username": "alice"}, "local identity already exist"),
            Refusal("it is no user name", {"username": "1 2"}, "invalid user name"),
        ),
    ),
    Example("identity_get", {"include_xml_source": True}),
    Example(
        "identity_backup",
        {"destination_filepath": "/home/alice/alice.key"},
        again="error writing to /home/alice/alice.key: it exists already",
        refusals=(
            Refusal(
                "the file can not be written", {"destination_filepath": "/home/nowhere/alice.key"}, "error writing to"
            ),
        ),
    ),
    Example(
        "identity_recover",
        {"private_key_source": "/home/alice/alice.key"},
        answer="local identity already exist",
    ),
    Example("identity_rotate", answer="an identity can not be moved to other servers by this version of the node"),
    Example("identity_heal", answer="method is not implemented"),
    Example("identity_cache_list"),
)

KEYS: tuple[Example, ...] = (
    Example(
        "key_create",
        {"key_alias": "docs", "key_size": 1024, "label": "my documents"},
        refusals=(
            Refusal("it is no alias", {"key_alias": "x y"}, "key id is not valid"),
            Refusal("the key exists", {"key_alias": "docs"}, f"key {_KEY} already exist"),
        ),
    ),
    Example("key_get", {"key_id": _KEY}, refusals=(_BAD_KEY, _NO_KEY)),
    Example("keys_list", {"sort": True}),
    Example(
        "key_label",
        {"key_id": _KEY, "label": "papers"},
        refusals=(
            Refusal("the text is no key id", {"key_id": "a$$b", "label": "x"}, "key a$$b is not valid"),
            Refusal("the key is not known", {"key_id": "nope", "label": "x"}, "key nope$alice@127.0.0.1_8084 does not"),
            Refusal("it is the master key", {"key_id": "master", "label": "x"}, "master key label can not be changed"),
        ),
    ),
    Example(
        "key_share",
        {"key_id": _KEY, "trusted_user_id": _BOB, "include_private": True},
        again=f"another key is registered as {_KEY}",
        refusals=(
            Refusal(
                "it is the master key", {"key_id": "master", "trusted_user_id": _BOB}, "master key can not be shared"
            ),
            Refusal("the text is no key id", {"key_id": "a$$b", "trusted_user_id": _BOB}, "incorrect key_id format"),
            Refusal("nobody has this name", {"key_id": _KEY, "trusted_user_id": _NOBODY}, ""),
        ),
    ),
    Example(
        "key_audit",
        {"key_id": _KEY, "untrusted_user_id": _BOB, "is_private": True},
        refusals=(
            Refusal("the text is no key id", {"key_id": "a$$b", "untrusted_user_id": _BOB}, "incorrect key_id format"),
            Refusal("nobody has this name", {"key_id": _KEY, "untrusted_user_id": _NOBODY}, ""),
        ),
    ),
    Example(
        "key_state",
        {"key_id": _KEY, "active": False},
        refusals=(
            Refusal(
                "it is the master key",
                {"key_id": "master", "active": False},
                "master key can not be changed to inactive state",
            ),
        ),
    ),
    Example(
        "key_erase",
        {"key_id": _KEY},
        refusals=(
            _BAD_KEY,
            Refusal("the key is not known", {"key_id": "nope"}, "failed to erase private key nope$alice@"),
            Refusal("it is the master key", {"key_id": "master"}, "master key can not be erased"),
        ),
    ),
)

USERS: tuple[Example, ...] = (
    Example(
        "user_ping",
        {"user_id": _BOB, "timeout": 10},
        refusals=(Refusal("nobody has this name", {"user_id": _NOBODY}, "there is no identity"),),
    ),
    Example(
        "user_status", {"user_id": _BOB}, refusals=(Refusal("nobody is met", {"user_id": _NOBODY}, "unknown user"),)
    ),
    Example(
        "user_status_check",
        {"user_id": _BOB},
        refusals=(Refusal("nobody is met", {"user_id": _NOBODY}, "peer is not connected"),),
    ),
    Example(
        "friend_add",
        {"trusted_user_id": _BOB, "alias": "bob"},
        refusals=(
            Refusal("there is no name", {"trusted_user_id": ""}, ""),
            Refusal("it is oneself", {"trusted_user_id": "alice@127.0.0.1_8084"}, ""),
            Refusal("nobody has this name", {"trusted_user_id": _NOBODY}, ""),
        ),
    ),
    Example("friends_list"),
    Example(
        "friend_remove",
        {"user_id": _BOB},
        refusals=(
            Refusal("there is no name", {"user_id": ""}, ""),
            Refusal("it is no friend", {"user_id": "supplier-1@127.0.0.1_8084"}, ""),
        ),
    ),
    Example(
        "user_search",
        {"nickname": "bobby"},
        refusals=(
            Refusal("there is no nickname", {"nickname": ""}, "nickname required"),
            Refusal("it is no nickname", {"nickname": "1 2"}, "invalid nickname"),
        ),
    ),
    Example(
        "user_observe",
        {"nickname": "bobby"},
        refusals=(
            Refusal("there is no nickname", {"nickname": ""}, "nickname required"),
            Refusal("it is no nickname", {"nickname": "1 2"}, "invalid nickname"),
        ),
    ),
)

MESSAGES: tuple[Example, ...] = (
    Example(
        "message_history",
        {"recipient_id": _BOB, "limit": 10},
        refusals=(
            Refusal("there is no name", {}, "recipient_id or sender_id is required"),
            Refusal("the nickname is unknown", {"recipient_id": "bobby-x"}, "recipient was not found"),
            Refusal("it is no id", {"recipient_id": "bob@"}, "wrong recipient_id"),
        ),
    ),
    Example("message_conversations_list", {"message_types": "private_message"}),
    Example(
        "message_send",
        {"recipient_id": _BOB, "data": {"text": "hello"}},
        refusals=(
            Refusal("the nickname is unknown", {"recipient_id": "bobby-x", "data": {}}, "recipient was not found"),
            Refusal("it is no id", {"recipient_id": "bob@", "data": {}}, "wrong recipient_id"),
            Refusal("it is a group", {"recipient_id": _GROUP, "data": {}}, "wrong recipient"),
        ),
    ),
    Example(
        "message_send_group",
        {"group_key_id": _GROUP, "data": {"text": "hello"}},
        f"unknown group key: {_GROUP}",
        refusals=(
            _no_group(data={"text": "hello"}),
            Refusal("nobody could own it", {"group_key_id": "group_1$$", "data": {}}, "wrong group id"),
        ),
    ),
    Example("message_receive", {"consumer_callback_id": "reader-1", "polling_timeout": 1}),
    Example("queues_list"),
    Example("queue_consumers_list"),
    Example("queue_producers_list"),
    Example("queue_streams_list", node=SUPPLIER),
    Example("queue_keepers_list"),
    Example("queue_peddlers_list"),
)

TOGETHER: tuple[Example, ...] = (
    Example("shares_list", {"only_active": True}),
    Example(
        "share_create",
        {"label": "photos"},
        refusals=(Refusal("it would be somebody else's", {"owner_id": _BOB}, "failed to generate private key"),),
    ),
    Example("share_info", {"key_id": _SHARE}, f"share key was not found: {_SHARE}", refusals=(_NO_SHARE,)),
    Example(
        "share_grant",
        {"key_id": _SHARE, "trusted_user_id": _BOB},
        f"share key was not found: {_SHARE}",
    ),
    Example(
        "share_revoke",
        {"key_id": _SHARE, "user_id": _BOB},
        f"share key was not found: {_SHARE}",
    ),
    Example("share_open", {"key_id": _SHARE}, f"share key was not found: {_SHARE}", refusals=(_NO_SHARE,)),
    Example("share_history"),
    Example("share_close", {"key_id": _SHARE}, f"share key was not found: {_SHARE}", refusals=(_NO_SHARE,)),
    Example("share_delete", {"key_id": _SHARE}, f"share key was not found: {_SHARE}", refusals=(_NO_SHARE,)),
    Example("groups_list"),
    Example(
        "group_create",
        {"label": "friends"},
        refusals=(
            Refusal("it would be somebody else's", {"creator_id": _BOB}, "failed to create new group: only own groups"),
        ),
    ),
    Example("group_info", {"group_key_id": _GROUP}, f"group key was not found: {_GROUP}", refusals=(_no_group(),)),
    Example("group_info_dht", {"group_creator_id": _BOB}),
    Example("group_join", {"group_key_id": _GROUP}, f"group key is not registered: {_GROUP}", refusals=(_no_group(),)),
    Example("group_reconnect", {"group_key_id": _GROUP}, f"unknown group key: {_GROUP}", refusals=(_no_group(),)),
    Example(
        "group_share",
        {"group_key_id": _GROUP, "trusted_user_id": _BOB},
        f"unknown group key: {_GROUP}",
        refusals=(_no_group(trusted_user_id=_BOB),),
    ),
    Example(
        "group_revoke",
        {"group_key_id": _GROUP, "user_id": _BOB},
        f"unknown group key: {_GROUP}",
        refusals=(_no_group(user_id=_BOB),),
    ),
    Example("group_leave", {"group_key_id": _GROUP}, f"unknown group key: {_GROUP}", refusals=(_no_group(),)),
)
