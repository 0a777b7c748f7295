"""Archives over HTTP: resumed where they stopped, tried again, checked before they have a name."""

import hashlib
import http.client
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from auxseg import __version__
from auxseg.download.archives import Archive
from auxseg.download.room import check_room
from auxseg.errors import UserError, listing, reason_of
from auxseg.runtime import byte_progress
from auxseg.store.atomic import replace

_CHUNK = 1 << 20
_SECONDS_OF_SILENCE = 60
_TRY_AGAIN = {408, 429, *range(500, 600)}


class _DroppedError(Exception):
    """The connection ended early; the same server may send the rest."""


class _RefusedError(Exception):
    """This server has not what is asked for; another one may."""


def fetch(archive: Archive, folder: Path, tries: int = 5) -> Path:
    """Download an archive; what an earlier call left of it is not downloaded again.

    Args:
        archive: what to get, and from where.
        folder: where to put it; one that lies there under its published name is the user's, and is
            checked and used instead.
        tries: how often in a row a server may fail without sending more than before.

    Returns:
        The archive, its checksum the published one: the user's, or our `downloaded`.

    Raises:
        UserError: no server sends the published file, too little room for it and what is in it, or
            another file of its name.
    """
    theirs, final = folder / archive.name, downloaded(archive, folder)
    for path, mend in ((theirs, "move it elsewhere"), (final, "delete it")):
        if path.exists():
            if _md5(path) != archive.md5:
                raise UserError(
                    f"{path}: not the published archive (its MD5 is not {archive.md5}); {mend} and "
                    f"run the same command again."
                )
            return path
    part = unfinished(archive, folder)
    if _size(part) > archive.bytes:
        part.unlink()
    needed = archive.bytes - _size(part) + archive.unpacked
    check_room(folder, needed, f"{archive.name} with what is in it")
    faults = []
    for url in archive.urls:
        try:
            _download(url, part, archive, tries)
            _check(part, archive)
        except _RefusedError as reason:
            faults.append(f"{url}: {reason}")
        else:
            replace(part, final)
            return final
    heading = f"{theirs} is not to be had; run the same command later, or put the file there"
    raise listing(faults, heading)


def downloaded(archive: Archive, folder: Path) -> Path:
    """Where an archive lies that we downloaded ourselves: a name that no file of the user's has."""
    return folder / f"auxseg-{archive.name}"


def unfinished(archive: Archive, folder: Path) -> Path:
    """Where it lies as long as it is not whole."""
    return folder / f"auxseg-{archive.name}.part"


def _download(url: str, part: Path, archive: Archive, tries: int) -> None:
    """Let the part grow to the archive's size, going on after every connection that drops."""
    farthest, failed = _size(part), 0
    while _size(part) < archive.bytes:
        try:
            _receive(url, part, archive)
        except _DroppedError as reason:
            failed = failed + 1 if _size(part) <= farthest else 0
            farthest = max(farthest, _size(part))
            if failed >= tries:
                raise _RefusedError(f"{reason}, {failed} times in a row") from None
            print(f"{archive.name}: {reason}; trying again", file=sys.stderr, flush=True)
            time.sleep(2**failed - 1)


def _receive(url: str, part: Path, archive: Archive) -> None:
    """Append what one answer of the server brings; from the start, where it knows no ranges."""
    done = _size(part)
    headers = {"User-Agent": f"auxseg/{__version__}"}
    if done:
        headers["Range"] = f"bytes={done}-"
    with _answer(urllib.request.Request(url, headers=headers)) as answer:
        start = done if answer.status == http.HTTPStatus.PARTIAL_CONTENT else 0
        if answer.length is None or start + answer.length != archive.bytes:
            raise _RefusedError(f"sends another file (not {archive.bytes:,} bytes)")
        chunks = byte_progress(_chunks(answer), archive.name, archive.bytes, done=start)
        with part.open("ab" if start else "wb") as file:
            for chunk in chunks:
                file.write(chunk)
    if _size(part) < archive.bytes:
        raise _DroppedError("the connection was closed early")


def _answer(request: urllib.request.Request) -> http.client.HTTPResponse:
    try:
        return urllib.request.urlopen(request, timeout=_SECONDS_OF_SILENCE)
    except urllib.error.HTTPError as error:
        error.close()
        kind = _DroppedError if error.code in _TRY_AGAIN else _RefusedError
        raise kind(f"HTTP {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else reason_of(error)
        raise _DroppedError(str(reason)) from None


def _chunks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    """What arrives, as it arrives: of a connection that breaks, nothing that came is lost."""
    while True:
        try:
            chunk = answer.read1(_CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _DroppedError(reason_of(error)) from None
        if not chunk:
            return
        yield chunk


def _check(part: Path, archive: Archive) -> None:
    found = _md5(part)
    if found != archive.md5:
        part.unlink()
        raise _RefusedError(
            f"what was sent has MD5 {found}, the published archive {archive.md5}; it was deleted"
        )


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    what = f"check {path.name.removeprefix('auxseg-').removesuffix('.part')}"
    with path.open("rb") as file:
        for block in byte_progress(_blocks(file), what, path.stat().st_size):
            digest.update(block)
    return digest.hexdigest()


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(_CHUNK):
        yield block


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
