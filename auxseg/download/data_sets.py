"""A whole data set: its archives one after the other, and the command that uses it."""

import contextlib
import fcntl
import json
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from auxseg.download.archives import ARCHIVES, VOC_ROOT, Archive
from auxseg.download.extract import extract
from auxseg.download.fetch import downloaded, fetch, unfinished
from auxseg.download.sbd import TRAIN_AUG, check_voc, unpack_sbd
from auxseg.errors import UserError
from auxseg.store import write_atomically


def download(
    dataset: str, folder: Path, table: Mapping[str, tuple[Archive, ...]] = ARCHIVES
) -> str:
    """Download and lay out what of a data set is not there yet.

    A downloaded archive is deleted once it is unpacked, before the next one is asked for; one of
    the user's is kept. {archive}.files says what came of it: as long as these files are there, it
    is not downloaded again.

    Args:
        dataset: one of the table's.
        folder: made where it is missing.
        table: the archives of every data set.

    Returns:
        What is there now and the command that uses it, in words.

    Raises:
        UserError: archives that cannot be had or are not what they should be, too little room,
            another call at work there, or no VOC to add SBD to.
    """
    _make(folder)
    with _alone(folder):
        return _download(dataset, folder, table[dataset])


def _download(dataset: str, folder: Path, archives: Sequence[Archive]) -> str:
    if dataset == "sbd":
        check_voc(folder)
    missing = [archive for archive in archives if not _is_unpacked(archive, folder)]
    for archive in archives:
        if archive in missing:
            unpack = unpack_sbd if dataset == "sbd" else extract
            files = unpack(fetch(archive, folder), archive.wanted, folder)
            os.sync()  # a receipt must not outlive its files in a power cut
            _write_receipt(archive, folder, files)
        for path in (downloaded(archive, folder), unfinished(archive, folder)):
            path.unlink(missing_ok=True)  # also what a call left that was stopped just here
    state = "complete" if missing else "was complete, nothing to do"
    return f"{folder}: {dataset} {state}\n{_use(dataset, folder)}"


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let no other call append to the same archives."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(opened)
        raise UserError(
            f"{folder}: another `auxseg download` is at work there; wait until it ends, or stop it."
        ) from None
    except OSError:
        pass  # some network file systems lock no folder
    try:
        yield
    finally:
        os.close(opened)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder}: no folder can be made there ({error.strerror}); name another."
        ) from None


def _receipt(archive: Archive, folder: Path) -> Path:
    return folder / f"{archive.name}.files"


def _write_receipt(archive: Archive, folder: Path, files: Iterable[Path]) -> None:
    """The archive's checksum, then a line of every file that came of it."""
    lines = [_line(folder, str(file.relative_to(folder))) for file in files]
    text = "".join(f"{line}\n" for line in (archive.md5, *lines))
    write_atomically(_receipt(archive, folder), text.encode())


def _is_unpacked(archive: Archive, folder: Path) -> bool:
    """Whether the files of a receipt, if there is one, are as it says."""
    receipt = _receipt(archive, folder)
    if not receipt.is_file():
        return False
    lines = receipt.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[:1] == [archive.md5] and all(
        _line(folder, line.partition(" ")[2]) == line for line in lines[1:]
    )


def _line(folder: Path, name: str) -> str:
    path = folder / name
    return f"{path.stat().st_size if path.is_file() else 'missing'} {name}"


def _use(dataset: str, folder: Path) -> str:
    """The command that trains on a data set, and what else its preset needs."""
    if dataset == "coco14":
        return _command("coco14", {"coco": {"root": str(folder.absolute())}})
    options = {"root": str((folder / VOC_ROOT).absolute())}
    if (folder / VOC_ROOT / TRAIN_AUG).is_file():
        return _command("voc12", {"voc": options})
    more = shlex.join(["auxseg", "download", "sbd", str(folder)])
    return (
        _command("voc12", {"voc": options | {"train_list": "train"}})
        + f"\nThat trains on VOC's own 1,464 images; `{more}` adds the other 9,118 of the preset's "
        "list."
    )


def _command(preset: str, index: dict[str, dict[str, str]]) -> str:
    file = f"workflow/presets/{preset}.yaml"
    config = shlex.quote(f"index={json.dumps(index, ensure_ascii=False)}")
    return (
        f"To use it, with saliency and first weights as the head of {file} says:\n"
        f"  snakemake --configfile {file} --config {config}"
    )
