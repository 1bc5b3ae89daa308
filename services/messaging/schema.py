"""
The tables of the history, in `messages.db`.
"""

from __future__ import annotations

from bitdust_node.database import StateDb
from bitdust_node.paths import DataFolder
from bitdust_node.threads import Workers

#: Names of people are kept because identities move: what was written under an old one is found by it.
HISTORY = (
    """
    CREATE TABLE people (node_id TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE names (name TEXT PRIMARY KEY, node_id TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE talks (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        number INTEGER NOT NULL UNIQUE,
        started INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        last_id TEXT NOT NULL,
        last_position INTEGER NOT NULL,
        written INTEGER NOT NULL,
        received INTEGER NOT NULL,
        UNIQUE (kind, name)
    );
    CREATE INDEX talks_by_age ON talks (last_position);
    CREATE TABLE messages (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        talk INTEGER NOT NULL REFERENCES talks (id),
        sender TEXT NOT NULL,
        message_id TEXT NOT NULL,
        time INTEGER NOT NULL,
        direction TEXT NOT NULL,
        state TEXT NOT NULL,
        data BLOB NOT NULL,
        UNIQUE (talk, sender, message_id)
    );
    CREATE INDEX messages_by_talk ON messages (talk, position);
    CREATE VIRTUAL TABLE words USING fts5 (text, content='');
    """,
)


class MessagesDb(StateDb):
    """
    `messages.db`: each part prepares its own tables, as in `state.db`. One transaction may touch those of several.
    """

    def __init__(self, folder: DataFolder, workers: Workers) -> None:
        super().__init__(folder.messages_db, workers)
