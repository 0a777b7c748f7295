import pytest

from auxseg.errors import UserError
from auxseg.store import write_atomically
from tests.damage import in_another_process


def test_a_small_file_is_replaced_whole(tmp_path):
    path = tmp_path / "deep" / "a.csv"
    write_atomically(path, b"old")
    write_atomically(path, b"new")

    assert path.read_bytes() == b"new"
    assert [file.name for file in path.parent.iterdir()] == ["a.csv"]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(UserError, match=r"cannot write a\.csv \(Not a directory\)"):
        write_atomically(tmp_path / "file" / "deep" / "a.csv", b"x")


@pytest.mark.parametrize(
    "writing",
    [
        "write_atomically(path, b'new' * 2000)",
        "write_table(path, header, {'height': np.zeros(2000)})",
    ],
)
def test_a_full_disk_leaves_the_earlier_file(tmp_path, writing):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    result = in_another_process(
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))",
        f"path = Path({str(path)!r})",
        "try:",
        f"    {writing}",
        "except Exception as error:",
        "    print(type(error).__name__, error)",
    )

    assert result.stdout == (
        f"UserError {tmp_path}: cannot write a (File too large); mend that and run the same "
        f"command again: nothing before it is lost.\n"
    )
    assert result.stderr == ""
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
