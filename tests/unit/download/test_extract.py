import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from auxseg.download.extract import extract
from auxseg.errors import UserError

FILES = {"data/a.txt": b"first", "data/deep/b.txt": b"second", "other/c.txt": b"third"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder to write below, itself not at the top, so that a way out of it shows."""
    folder = tmp_path / "deep" / "out"
    folder.mkdir(parents=True)
    return folder


def make_tar(path: Path, files: dict[str, bytes], *others: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in others:
            tar.addfile(member)
    return path


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def make(path: Path, files: dict[str, bytes]) -> Path:
    return make_zip(path, files) if path.suffix == ".zip" else make_tar(path, files)


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def content_of(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("name", ["x.tar", "x.tgz", "x.zip"])
def test_what_is_wanted_is_written_and_nothing_else(tmp_path, out, name):
    archive = make(tmp_path / name, FILES)

    files = extract(archive, ["data/deep", "other/c.txt"], out)

    assert files == [out / "data/deep/b.txt", out / "other/c.txt"]
    assert content_of(out) == {
        "data/deep/b.txt": b"second",
        "other/c.txt": b"third",
    }


@pytest.mark.parametrize("name", ["x.tar", "x.tgz", "x.zip"])
def test_a_second_call_writes_what_is_missing_or_half_and_nothing_else(tmp_path, out, name):
    archive = make(tmp_path / name, FILES)
    extract(archive, ["data", "other"], out)
    kept = (out / "other/c.txt").stat()
    (out / "data/a.txt").unlink()
    (out / "data/deep/b.txt").write_bytes(b"sec")

    extract(archive, ["data", "other"], out)

    assert content_of(out) == FILES
    again = (out / "other/c.txt").stat()
    assert (again.st_ino, again.st_mtime_ns) == (kept.st_ino, kept.st_mtime_ns)


@pytest.mark.parametrize("suffix", ["tar", "tgz", "zip"])
@pytest.mark.parametrize("evil", ["../evil.txt", "data/../../evil.txt", "/evil.txt"])
def test_a_path_that_leads_out_refuses_the_whole_archive(tmp_path, out, suffix, evil):
    archive = make(tmp_path / f"x.{suffix}", {**FILES, evil: b"x"})

    with pytest.raises(UserError, match=r"delete it: 1 fault\n  - .*evil\.txt: leads out of"):
        extract(archive, ["data"], out)

    assert content_of(tmp_path) == {archive.name: archive.read_bytes()}


def test_links_and_devices_among_what_is_wanted_are_all_listed(tmp_path, out):
    archive = make_tar(
        tmp_path / "x.tar",
        FILES,
        special("data/link", tarfile.SYMTYPE, "/etc"),
        special("data/hard", tarfile.LNKTYPE, "data/a.txt"),
        special("data/null", tarfile.CHRTYPE),
        special("data/pipe", tarfile.FIFOTYPE),
    )

    with pytest.raises(UserError, match="4 faults") as caught:
        extract(archive, ["data"], out)

    for name in ("link", "hard", "null", "pipe"):
        assert f"data/{name}: a link or device, where a file is expected" in str(caught.value)
    assert content_of(out) == {}


def test_a_link_in_a_zip_is_refused(tmp_path, out):
    link = zipfile.ZipInfo("data/link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr(link, "/etc")

    with pytest.raises(UserError, match="data/link: a link or device"):
        extract(tmp_path / "x.zip", ["data"], out)


def test_a_link_that_nobody_wants_is_left_in_the_archive(tmp_path, out):
    link = special("other/link", tarfile.SYMTYPE, "/etc")
    archive = make_tar(tmp_path / "x.tar", FILES, link)

    extract(archive, ["data"], out)

    assert set(content_of(out)) == {"data/a.txt", "data/deep/b.txt"}
    assert not (out / "other").exists()


def test_an_archive_without_what_is_wanted_is_refused(tmp_path, out):
    archive = make(tmp_path / "x.zip", FILES)

    with pytest.raises(UserError, match=r"x\.zip: holds no data/z; delete it"):
        extract(archive, ["other", "data/z"], out)


def test_more_than_fits_the_disk_is_refused_by_the_headers(tmp_path, out):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr("data/a.txt", b"x")
        packed.infolist()[0].file_size = 10**17

    with pytest.raises(UserError, match=r"what is in x\.zip needs 100,000,000,000 MB, and"):
        extract(tmp_path / "x.zip", ["data"], out)

    assert content_of(out) == {}


def test_a_file_longer_than_its_header_says_is_not_left(tmp_path, out):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr("data/a.txt", b"x" * 1000)
        packed.infolist()[0].file_size = 3

    with pytest.raises(UserError, match=r"x\.zip: cannot be read \(Bad CRC-32"):
        extract(tmp_path / "x.zip", ["data"], out)

    assert content_of(out) == {}


@pytest.mark.parametrize("name", ["x.tar", "x.tgz", "x.zip"])
def test_a_cut_or_foreign_archive_is_one_sentence(tmp_path, out, name):
    whole = make(tmp_path / name, {"data/a.txt": bytes(range(256)) * 40}).read_bytes()
    for content in (whole[: len(whole) // 2], b"<html>not found</html>"):
        (tmp_path / name).write_bytes(content)

        with pytest.raises(UserError, match=r"cannot be read \(.*\); delete it and run the same"):
            extract(tmp_path / name, ["data"], out)

    assert content_of(out) == {}
