"""
Sums that the catalog keeps beside what they are sums of, so that nobody reads a million rows for them: the tables
`sums` (items and bytes of their versions, by key and kind) and `used` (bytes of acknowledged pieces, by key and node).

Triggers keep them in the transaction of each change. What belongs to something is deleted before it, as the triggers
of a row look at what it belongs to.
"""

# ruff: noqa: S608 - only constants are put into queries; values are always bound

from __future__ import annotations

import sqlite3

_ALIAS = "(SELECT items.alias FROM versions JOIN items ON items.id = versions.item WHERE versions.id = {}.version)"
_OF_ITEM = "(alias, kind) = (SELECT alias, kind FROM items WHERE id = {}.item)"

#: Also what makes questions quick that are asked all the time: who keeps what in which state, and what is coded how.
MIGRATION = f"""
    CREATE TABLE sums (
        alias TEXT NOT NULL,
        kind TEXT NOT NULL,
        items INTEGER NOT NULL,
        size INTEGER NOT NULL,
        PRIMARY KEY (alias, kind)
    ) WITHOUT ROWID;
    CREATE TABLE used (
        alias TEXT NOT NULL,
        node_id TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        PRIMARY KEY (alias, node_id)
    ) WITHOUT ROWID;
    INSERT INTO sums SELECT alias, kind, count(*), 0 FROM items GROUP BY alias, kind;
    INSERT INTO sums SELECT items.alias, items.kind, 0, sum(max(versions.size, 0)) FROM versions
        JOIN items ON items.id = versions.item WHERE true GROUP BY items.alias, items.kind
        ON CONFLICT (alias, kind) DO UPDATE SET size = excluded.size;
    INSERT INTO used SELECT items.alias, pieces.node_id, sum(pieces.size) FROM pieces
        JOIN versions ON versions.id = pieces.version JOIN items ON items.id = versions.item
        WHERE pieces.state = 'stored' GROUP BY items.alias, pieces.node_id;

    CREATE TRIGGER items_made AFTER INSERT ON items BEGIN
        INSERT INTO sums VALUES (NEW.alias, NEW.kind, 1, 0) ON CONFLICT (alias, kind) DO UPDATE SET items = items + 1;
    END;
    CREATE TRIGGER items_gone BEFORE DELETE ON items BEGIN
        DELETE FROM versions WHERE item = OLD.id;
        UPDATE sums SET items = items - 1 WHERE alias = OLD.alias AND kind = OLD.kind;
    END;
    CREATE TRIGGER items_kind AFTER UPDATE OF kind ON items WHEN OLD.kind <> NEW.kind BEGIN
        UPDATE sums SET items = items - 1,
            size = size - (SELECT coalesce(sum(max(v.size, 0)), 0) FROM versions v WHERE v.item = OLD.id)
            WHERE alias = OLD.alias AND kind = OLD.kind;
        INSERT INTO sums
            SELECT NEW.alias, NEW.kind, 1, coalesce(sum(max(v.size, 0)), 0) FROM versions v WHERE v.item = NEW.id
            ON CONFLICT (alias, kind) DO UPDATE SET items = items + 1, size = size + excluded.size;
    END;

    CREATE TRIGGER versions_made AFTER INSERT ON versions WHEN NEW.size > 0 BEGIN
        UPDATE sums SET size = size + NEW.size WHERE {_OF_ITEM.format("NEW")};
    END;
    CREATE TRIGGER versions_gone BEFORE DELETE ON versions BEGIN
        DELETE FROM pieces WHERE version = OLD.id;
        UPDATE sums SET size = size - max(OLD.size, 0) WHERE {_OF_ITEM.format("OLD")};
    END;
    CREATE TRIGGER versions_changed AFTER UPDATE OF item, size ON versions
        WHEN OLD.item <> NEW.item OR OLD.size <> NEW.size BEGIN
        UPDATE sums SET size = size - max(OLD.size, 0) WHERE {_OF_ITEM.format("OLD")};
        UPDATE sums SET size = size + max(NEW.size, 0) WHERE {_OF_ITEM.format("NEW")};
    END;
    CREATE TRIGGER versions_moved AFTER UPDATE OF item ON versions
        WHEN (SELECT alias FROM items WHERE id = OLD.item) <> (SELECT alias FROM items WHERE id = NEW.item) BEGIN
        UPDATE used SET bytes = bytes - (
            SELECT coalesce(sum(p.size), 0) FROM pieces p
            WHERE p.version = NEW.id AND p.node_id = used.node_id AND p.state = 'stored'
        ) WHERE alias = (SELECT alias FROM items WHERE id = OLD.item);
        INSERT INTO used SELECT (SELECT alias FROM items WHERE id = NEW.item), p.node_id, sum(p.size) FROM pieces p
            WHERE p.version = NEW.id AND p.state = 'stored' GROUP BY p.node_id
            ON CONFLICT (alias, node_id) DO UPDATE SET bytes = bytes + excluded.bytes;
    END;

    CREATE TRIGGER pieces_made AFTER INSERT ON pieces WHEN NEW.state = 'stored' BEGIN
        INSERT INTO used VALUES ({_ALIAS.format("NEW")}, NEW.node_id, NEW.size)
            ON CONFLICT (alias, node_id) DO UPDATE SET bytes = bytes + excluded.bytes;
    END;
    CREATE TRIGGER pieces_gone BEFORE DELETE ON pieces WHEN OLD.state = 'stored' BEGIN
        UPDATE used SET bytes = bytes - OLD.size WHERE alias = {_ALIAS.format("OLD")} AND node_id = OLD.node_id;
    END;
    CREATE TRIGGER pieces_not_stored AFTER UPDATE OF node_id, size, state ON pieces WHEN OLD.state = 'stored' BEGIN
        UPDATE used SET bytes = bytes - OLD.size WHERE alias = {_ALIAS.format("OLD")} AND node_id = OLD.node_id;
    END;
    CREATE TRIGGER pieces_stored AFTER UPDATE OF node_id, size, state ON pieces WHEN NEW.state = 'stored' BEGIN
        INSERT INTO used VALUES ({_ALIAS.format("NEW")}, NEW.node_id, NEW.size)
            ON CONFLICT (alias, node_id) DO UPDATE SET bytes = bytes + excluded.bytes;
    END;

    DROP INDEX pieces_node;
    CREATE INDEX pieces_kept ON pieces (node_id, state, version);
    CREATE INDEX versions_scheme ON versions (m, id) WHERE state = 'ready' AND pack IS NULL AND kind <> 'pack';
    CREATE INDEX items_unstamped ON items (id) WHERE clock = 0;
    CREATE INDEX versions_unstamped ON versions (id) WHERE clock = 0 AND state = 'ready';
"""


def totals(c: sqlite3.Connection, own: bool) -> dict[str, int]:
    """
    Counts and sizes of the own catalog (keys other than shares) or of the shares.
    """
    scope = f"alias {'NOT LIKE' if own else 'LIKE'} 'share%'"
    found = {
        str(kind): (int(items), int(size))
        for kind, items, size in c.execute(f"SELECT kind, sum(items), sum(size) FROM sums WHERE {scope} GROUP BY kind")
    }
    (stored,) = c.execute(f"SELECT coalesce(sum(bytes), 0) FROM used WHERE {scope}").fetchone()
    files, folders = found.get("file", (0, 0)), found.get("dir", (0, 0))
    return {
        "files": files[0],
        "folders": folders[0],
        "files_size": files[1],
        "folders_size": folders[1],
        "backups_size": int(stored),
    }


def stored_bytes(c: sqlite3.Connection) -> dict[str, int]:
    """
    Bytes of acknowledged pieces by the node id of their holder.
    """
    rows = c.execute("SELECT node_id, sum(bytes) FROM used GROUP BY node_id HAVING sum(bytes) > 0")
    return {str(node): int(size) for node, size in rows}
