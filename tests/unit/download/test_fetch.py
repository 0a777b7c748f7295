import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auxseg.download.fetch import fetch
from auxseg.errors import UserError
from tests.archive_server import serving

CONTENT = random.Random(0).randbytes(300_000)
NAME = "a.tar"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_archive_is_downloaded_and_checked(tmp_path, capsys):
    with serving({NAME: CONTENT}) as server:
        path = fetch(server.archive(NAME, ()), tmp_path)

    assert path == tmp_path / f"auxseg-{NAME}"
    assert path.read_bytes() == CONTENT
    assert names(tmp_path) == [path.name]
    assert capsys.readouterr().err == "a.tar: 0/0 MB\ncheck a.tar: 0/0 MB\n"


def test_after_a_dropped_connection_only_the_rest_is_sent(tmp_path, capsys):
    with serving({NAME: CONTENT}, drops=[100_000, 50_000]) as server:
        path = fetch(server.archive(NAME, ()), tmp_path)

    assert path.read_bytes() == CONTENT
    assert server.asked == [
        (NAME, 0, 100_000),
        (NAME, 100_000, 50_000),
        (NAME, 150_000, 150_000),
    ]
    told = "a.tar: the connection was closed early; trying again\n"
    assert capsys.readouterr().err.startswith(told + told)


def test_a_call_goes_on_where_the_last_one_gave_up(tmp_path):
    with serving({NAME: CONTENT}, drops=[100_000, 0]) as server:
        archive = server.archive(NAME, ())
        with pytest.raises(UserError, match="the connection was closed early, 1 times in a row"):
            fetch(archive, tmp_path, tries=1)
        assert names(tmp_path) == ["auxseg-a.tar.part"]
        server.asked.clear()

        path = fetch(archive, tmp_path)

    assert server.asked == [(NAME, 100_000, 200_000)]
    assert path.read_bytes() == CONTENT


def test_a_stopped_process_leaves_what_it_had(tmp_path):
    with serving({NAME: CONTENT}, drops=[100_000], stalls=True) as server:
        archive = server.archive(NAME, ())
        lines = [
            "from pathlib import Path",
            "from auxseg.download.archives import Archive",
            "from auxseg.download.fetch import fetch",
            "from auxseg.stopping import stop_on_signals",
            "stop_on_signals()",
            f"fetch({archive!r}, Path({str(tmp_path)!r}))",
        ]
        process = subprocess.Popen([sys.executable, "-c", "\n".join(lines)], stderr=-1, text=True)
        while not server.asked:
            time.sleep(0.02)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, words = process.communicate()
        assert "stopped by SIGINT" in words
        assert names(tmp_path) == ["auxseg-a.tar.part"]
        server.asked.clear()

        path = fetch(archive, tmp_path)

    assert server.asked == [(NAME, 100_000, 200_000)]
    assert path.read_bytes() == CONTENT


def test_a_server_without_ranges_begins_anew(tmp_path):
    with serving({NAME: CONTENT}, ranges=False, drops=[100_000]) as server:
        path = fetch(server.archive(NAME, ()), tmp_path)

    assert path.read_bytes() == CONTENT
    assert server.asked == [(NAME, 0, 100_000), (NAME, 0, 300_000)]


def test_a_server_without_ranges_that_always_drops_is_given_up(tmp_path):
    with (
        serving({NAME: CONTENT}, ranges=False, drops=[100_000] * 9) as server,
        pytest.raises(UserError, match="closed early, 2 times in a row"),
    ):
        fetch(server.archive(NAME, ()), tmp_path, tries=2)

    assert len(server.asked) == 3


def test_a_mirror_goes_on_with_what_the_first_server_sent(tmp_path):
    with (
        serving({NAME: CONTENT}, drops=[100_000, 0]) as first,
        serving({NAME: CONTENT}) as second,
    ):
        path = fetch(first.archive(NAME, (), second), tmp_path, tries=1)

    assert path.read_bytes() == CONTENT
    assert second.asked == [(NAME, 100_000, 200_000)]


def test_a_server_that_has_another_file_is_passed_over(tmp_path):
    with serving({NAME: CONTENT[:9]}) as other, serving({NAME: CONTENT}) as mirror:
        urls = (f"{other.url}/{NAME}", f"{other.url}/gone.tar", f"{mirror.url}/{NAME}")
        path = fetch(mirror.archive(NAME, (), urls=urls), tmp_path)

    assert path.read_bytes() == CONTENT


def test_a_server_that_sends_something_else_of_that_size_is_passed_over(tmp_path):
    with serving({NAME: CONTENT[::-1]}) as other, serving({NAME: CONTENT}) as mirror:
        urls = (f"{other.url}/{NAME}", f"{mirror.url}/{NAME}")
        path = fetch(mirror.archive(NAME, (), urls=urls), tmp_path)

    assert path.read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_no_file_and_names_file_and_mend(tmp_path):
    with (
        serving({NAME: CONTENT}) as server,
        pytest.raises(UserError) as caught,
    ):
        fetch(server.archive(NAME, (), md5="0" * 32), tmp_path)

    first, second = str(caught.value).splitlines()
    assert first == (
        f"{tmp_path}/a.tar is not to be had; run the same command later, or put the file there: "
        f"1 fault"
    )
    assert second.startswith(f"  - {server.url}/a.tar: what was sent has MD5 ")
    assert second.endswith(f"the published archive {'0' * 32}; it was deleted")
    assert names(tmp_path) == []


def test_every_server_that_fails_is_listed(tmp_path):
    with (
        serving({NAME: CONTENT}) as server,
        serving({}) as empty,
        pytest.raises(UserError, match="2 faults") as caught,
    ):
        urls = (f"{empty.url}/{NAME}", "http://127.0.0.1:1/a.tar")
        fetch(server.archive(NAME, (), urls=urls), tmp_path, tries=1)

    assert f"{empty.url}/a.tar: HTTP 404 Not Found" in str(caught.value)
    assert "http://127.0.0.1:1/a.tar: [Errno 111] Connection refused" in str(caught.value)


@pytest.mark.parametrize("name", [NAME, f"auxseg-{NAME}"], ids=["the user's", "our own"])
def test_an_archive_that_lies_there_is_checked_and_used(tmp_path, name):
    (tmp_path / name).write_bytes(CONTENT)
    with serving({NAME: CONTENT}) as server:
        path = fetch(server.archive(NAME, ()), tmp_path)

    assert path == tmp_path / name
    assert server.asked == []


def test_another_file_of_its_name_is_refused_and_left(tmp_path):
    (tmp_path / NAME).write_bytes(b"mine")
    with (
        serving({NAME: CONTENT}) as server,
        pytest.raises(
            UserError, match=r"a\.tar: not the published archive .*; move it elsewhere and run"
        ),
    ):
        fetch(server.archive(NAME, ()), tmp_path)

    assert (tmp_path / NAME).read_bytes() == b"mine"


def test_what_does_not_fit_is_refused_before_anything_is_sent(tmp_path):
    with (
        serving({NAME: CONTENT}) as server,
        pytest.raises(
            UserError, match=r"a\.tar with what is in it needs 1,000,000,000,000 MB, and"
        ),
    ):
        fetch(server.archive(NAME, (), unpacked=10**18), tmp_path)

    assert server.asked == []
