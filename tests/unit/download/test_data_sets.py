import fcntl
import json
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

from auxseg.config import CocoOptions, VocOptions
from auxseg.datasets import coco, voc
from auxseg.download.archives import ARCHIVES
from auxseg.download.data_sets import download
from auxseg.errors import UserError
from auxseg.images import read_mask
from auxseg.tools import download as command
from tests.archive_server import Server, serving
from tests.public_archives import (
    DOG,
    ROOT,
    SBD_MASKS,
    SBD_NAME,
    VOC_MASKS,
    VOC_NAME,
    coco_archives,
    sbd_archive,
    voc_archive,
)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    files = {VOC_NAME: voc_archive(), SBD_NAME: sbd_archive(), **coco_archives()}
    with serving(files) as started:
        yield started


@pytest.fixture
def table(server: Server) -> dict:
    """The table, but with this server's archives of the same names."""
    server.asked.clear()
    return {
        dataset: tuple(server.archive(archive.name, archive.wanted) for archive in archives)
        for dataset, archives in ARCHIVES.items()
    }


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Name -> inode and time of change of every file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in files
    }


def options_told(told: str) -> dict:
    """The section index that the command on the last line sets."""
    words = shlex.split(next(line for line in told.splitlines() if "--config " in line))
    return json.loads(words[-1].removeprefix("index="))


def test_voc_is_what_its_preset_reads_but_for_the_list(tmp_path, table):
    told = download("voc12", tmp_path, table)

    options = VocOptions(**options_told(told)["voc"])
    data = voc.load(options)
    assert options.train_list == "train"
    assert data.faults == ()
    assert [(r.id, r.split) for r in data.records] == [
        ("2007_01", "train"),
        ("2007_02", "train"),
        ("2007_03", "val"),
    ]
    names = {Path(name).parent.name for name in tree(tmp_path / ROOT)}
    assert names == {"Annotations", "Segmentation", "JPEGImages", "SegmentationClass"}


def test_sbd_adds_its_list_and_masks_as_the_voc_reader_wants_them(tmp_path, table):
    download("voc12", tmp_path, table)
    told = download("sbd", tmp_path, table)

    root = tmp_path / ROOT
    list_file = root / "ImageSets/Segmentation/train_aug.txt"
    assert list_file.read_text() == "2007_01\n2007_02\n2008_04\n2008_05\n"
    masks = {path.stem: read_mask(path).tolist() for path in root.glob("SegmentationClassAug/*")}
    assert masks == {
        **VOC_MASKS,
        "2008_04": SBD_MASKS["2008_04"],
        "2008_05": SBD_MASKS["2008_05"],
    }
    with Image.open(root / "SegmentationClassAug/2008_05.png") as image:
        assert image.mode == "P"
        assert image.getpalette()[3 * DOG : 3 * DOG + 3] == [64, 0, 128]

    data = voc.load(VocOptions(**options_told(told)["voc"]))
    assert data.faults == ()
    assert [r.id for r in data.records if r.split == "train"] == list_file.read_text().split()
    assert data.records[3].mask().tolist() == SBD_MASKS["2008_05"]


def test_coco_is_what_its_preset_reads(tmp_path, table):
    told = download("coco14", tmp_path, table)

    data = coco.load(CocoOptions(**options_told(told)["coco"]))
    assert data.faults == ()
    assert [(r.id, r.split) for r in data.records] == [
        ("COCO_train2014_1", "train"),
        ("COCO_val2014_2", "val"),
    ]
    assert all(r.image.is_file() for r in data.records)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == [
        "annotations",
        "train2014",
        "val2014",
    ]


@pytest.mark.parametrize("dataset", ["voc12", "sbd", "coco14"])
def test_a_second_call_says_so_and_does_nothing(tmp_path, table, server, dataset):
    if dataset == "sbd":
        download("voc12", tmp_path, table)
    download(dataset, tmp_path, table)
    before = tree(tmp_path)
    server.asked.clear()

    told = download(dataset, tmp_path, table)

    assert told.startswith(f"{tmp_path}: {dataset} was complete, nothing to do\n")
    assert server.asked == []
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("dataset", "lost"),
    [
        ("voc12", f"{ROOT}/JPEGImages/2007_02.jpg"),
        ("sbd", f"{ROOT}/SegmentationClassAug/2008_04.png"),
        ("coco14", "annotations/instances_val2014.json"),
    ],
)
def test_a_file_that_was_lost_is_the_only_one_written_again(tmp_path, table, server, dataset, lost):
    download("voc12", tmp_path, table)
    download(dataset, tmp_path, table)
    before = tree(tmp_path)
    (tmp_path / lost).unlink()
    server.asked.clear()

    download(dataset, tmp_path, table)

    assert len(server.asked) == 1
    after = tree(tmp_path)
    changed = {name for name in after if after[name] != before.get(name)}
    written = {name for name in changed if not name.endswith((".files", "train_aug.txt"))}
    assert after.keys() == before.keys()
    assert written == {lost}


def test_downloaded_archives_are_gone_once_they_are_unpacked(tmp_path, table):
    own = tmp_path / f"auxseg-{VOC_NAME}"
    for leftover in (own, own.with_name(f"{own.name}.part")):
        download("voc12", tmp_path, table)
        leftover.write_bytes(voc_archive())  # of a call that was stopped before it could delete it

        download("voc12", tmp_path, table)

        names = sorted(path.name for path in tmp_path.iterdir())
        assert names == ["VOCdevkit", f"{VOC_NAME}.files"]


def test_a_downloaded_archive_is_gone_before_the_next_one_is_asked_for(tmp_path, table):
    first, second, _ = table["coco14"]
    never = replace(second, md5="0" * 32)

    with pytest.raises(UserError, match=f"{second.name} is not to be had"):
        download("coco14", tmp_path, {"coco14": (first, never)})

    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["train2014", f"{first.name}.files"]


@pytest.mark.parametrize("dataset", ARCHIVES)
def test_the_help_tells_the_bytes_of_a_data_set_and_of_the_way_there(dataset):
    kept, most = 0, 0
    for archive in ARCHIVES[dataset]:
        kept += archive.unpacked
        most = max(most, kept + archive.bytes)  # while it is unpacked

    (line,) = re.findall(rf"^ +{dataset} .*", command.help, flags=re.MULTILINE)
    assert [float(told) for told in re.findall(r"([\d.]+) GB", line)] == [
        float(f"{size / 1e9:.2g}") for size in (kept, most)
    ]


def test_an_archive_of_the_users_own_is_used_and_kept(tmp_path, table, server):
    (tmp_path / VOC_NAME).write_bytes(voc_archive())

    download("voc12", tmp_path, table)

    assert server.asked == []
    assert (tmp_path / VOC_NAME).read_bytes() == voc_archive()
    assert (tmp_path / ROOT / "JPEGImages/2007_01.jpg").is_file()


def test_a_file_of_an_archives_name_beside_a_complete_data_set_is_kept(tmp_path, table):
    download("voc12", tmp_path, table)
    (tmp_path / VOC_NAME).write_bytes(b"mine")

    assert "was complete" in download("voc12", tmp_path, table)

    assert (tmp_path / VOC_NAME).read_bytes() == b"mine"


def test_the_official_server_of_every_archive_is_asked_first():
    first = {urlsplit(a.urls[0]).hostname for archives in ARCHIVES.values() for a in archives}
    assert first == {"host.robots.ox.ac.uk", "www.eecs.berkeley.edu", "images.cocodataset.org"}


def test_a_damaged_receipt_is_made_again(tmp_path, table):
    download("voc12", tmp_path, table)
    receipt = tmp_path / f"{VOC_NAME}.files"
    whole = receipt.read_bytes()
    for damage in (b"", b"\xff\n", whole.replace(b" ", b"")):
        receipt.write_bytes(damage)

        download("voc12", tmp_path, table)

        assert receipt.read_bytes() == whole


def test_sbd_without_voc_names_the_command_that_gets_it_first(tmp_path, table, server):
    with pytest.raises(UserError, match=r"train\.txt: no such file; .* `auxseg download voc12 "):
        download("sbd", tmp_path, table)

    assert server.asked == []


def test_sbd_asks_for_vocs_own_masks_before_it_downloads(tmp_path, table, server):
    download("voc12", tmp_path, table)
    (tmp_path / ROOT / "SegmentationClass/2007_02.png").unlink()
    server.asked.clear()

    with pytest.raises(UserError, match="SegmentationClass: 1 masks of VOC's lists are not there"):
        download("sbd", tmp_path, table)

    assert server.asked == []


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path, table):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(UserError, match=r"file: no folder can be made there \(File exists\)"):
        download("voc12", tmp_path / "file", table)


def test_a_second_call_at_work_in_the_same_folder_is_refused(tmp_path, table):
    opened = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(opened, fcntl.LOCK_EX)
    try:
        with pytest.raises(UserError, match="another `auxseg download` is at work there"):
            download("voc12", tmp_path, table)
    finally:
        os.close(opened)

    download("voc12", tmp_path, table)
