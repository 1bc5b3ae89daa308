"""
Files between people who talk: through a share that has the same members as the conversation.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from bitdust_node.cli.chat.book import Book, Message, Talk, file_text
from bitdust_node.cli.chat.link import Link
from bitdust_node.cli.chat.text import one_line
from bitdust_node.cli.output import size_text
from bitdust_node.errors import BitDustError, Conflict, Failed, Invalid, TimedOut

#: Seconds in which a new share finds its suppliers, or a new file becomes known to the other members.
PATIENCE = 60.0
LETTING_IN_SECONDS = 60.0
_AGAIN_SECONDS = 0.5
#: Names like `cat (2).jpg` that are tried.
_NAMES_TRIED = 1000

Tell = Callable[[str], object]


async def send_file(link: Link, book: Book, talk: Talk, path: Path, size: int, tell: Tell) -> dict[str, object]:
    """
    Store a local file in the share of a conversation, so that its members can read it. Answers with the data of the
    message that tells them. size: bytes of it. tell: called with a sentence about each step that may take long.
    """
    share = await _share(link, talk)
    await _admit(link, book, talk, share, tell)
    await _connected(link, share)
    remote = await _free_path(link, share, path)
    await link.call("file_create", remote_path=remote)
    tell(f"sending {path.name}, {size_text(size)} ...")
    await link.call("file_upload_start", None, local_path=str(path), remote_path=remote, wait_result=True)
    name = remote.partition(":")[2]
    return {"message": file_text(name), "file": {"remote_path": remote, "name": name, "size": size}}


async def fetch_file(link: Link, message: Message, folder: Path) -> Path:
    """
    Bring the file of a message into a local folder; answers with its path there. Never overwrites.
    """
    file = message.file
    assert file is not None
    target = folder / file.path
    if target.exists() or target.is_symlink():
        raise Conflict(f"{target} exists already: name another folder, /get {message.number} FOLDER")
    end = time.monotonic() + PATIENCE
    while True:
        try:
            await link.call("file_download_start", None, remote_path=file.remote_path,
                            destination_path=str(folder), wait_result=True)  # fmt: skip
            return target
        except Failed as error:
            # the message may be quicker than the catalog of the share
            if "was not found" not in str(error) and "no remotely stored" not in str(error):
                raise
            if time.monotonic() > end:
                raise
        await asyncio.sleep(_AGAIN_SECONDS)


def local_file(typed: str) -> Path:
    """A file that somebody typed the path of; raises Invalid for what can not be sent."""
    path = Path(typed).expanduser().absolute()
    if path.is_dir():
        raise Invalid(f"{typed} is a folder: send a file")
    if not path.is_file():
        raise Invalid(f"there is no file {typed}")
    return path


def local_folder(typed: str) -> Path:
    """A folder that somebody typed the path of; it need not be there yet."""
    return Path(typed).expanduser().absolute()


async def _share(link: Link, talk: Talk) -> str:
    """The own share for a conversation, created if there is none; known by its label."""
    label = f"chat {talk.key}"
    for one in await link.call("shares_list", include_granted=False):
        if one.get("label") == label:
            key_id = str(one["key_id"])
            if one.get("state") != "CONNECTED":
                await link.call("share_open", key_id=key_id)
            return key_id
    made = await link.call("share_create", label=label)
    return str(made["key_id"])


async def _admit(link: Link, book: Book, talk: Talk, share: str, tell: Tell) -> None:
    """Members of the conversation are let in, who is not in it any more has to go. At least one is there then."""
    if talk.is_group:
        book.take_group(await link.call("group_info", group_key_id=talk.key))
    wanted = (set(talk.members) if talk.is_group else {talk.key}) - {book.me}
    info = await link.call("share_info", key_id=share)
    present = {str(one["global_id"]) for one in info.get("members") or ()} - {book.me}
    for user in present - wanted:
        await link.call("share_revoke", key_id=share, user_id=user)
    failed: list[BitDustError] = []
    for user in sorted(wanted - present):
        tell(f"letting {book.name(user)} in ...")
        try:
            await link.call("share_grant", LETTING_IN_SECONDS, key_id=share, trusted_user_id=user, role="reader")
        except (Failed, TimedOut) as error:
            failed.append(error)
            tell(f"{book.name(user)} can not have files now: {one_line(str(error))}")
    if failed and len(failed) == len(wanted):
        raise failed[0]


async def _connected(link: Link, share: str) -> None:
    end = time.monotonic() + PATIENCE
    while (await link.call("share_info", key_id=share)).get("state") != "CONNECTED":
        if time.monotonic() > end:
            raise TimedOut("the suppliers of the share can not be reached")
        await asyncio.sleep(_AGAIN_SECONDS)


async def _free_path(link: Link, share: str, path: Path) -> str:
    """A path in the share that nothing has yet."""
    stem, suffix = one_line(path.stem).replace(":", "_") or "file", one_line(path.suffix).replace(":", "_")
    for number in range(1, _NAMES_TRIED):
        remote = f"{share}:{stem}{f' ({number})' if number > 1 else ''}{suffix}"
        if not (await link.call("file_exists", remote_path=remote)).get("exist"):
            return remote
    raise Conflict(f"too many files are called {path.name}")
