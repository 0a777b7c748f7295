"""`auxseg predict --weights W PHOTO...`, the command."""

import os

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from auxseg.cli import cli
from auxseg.errors import UserError
from tests.processes import auxseg, finished
from tests.unit.small_network import CLASSES, photograph


@pytest.mark.slow
def test_the_command_says_what_each_photograph_shows(small_network, tmp_path):
    path = photograph(tmp_path / "photos/a.png")
    (tmp_path / "photos/b.heic").write_bytes(b"x")
    command = auxseg("predict", "--weights", small_network, "--threads", 1)

    done = finished([*command, "--output", "out", path.parent], tmp_path)

    values = np.asarray(Image.open(tmp_path / "out/a.png"))
    shares = [(CLASSES[v - 1], (values == v).mean()) for v in np.unique(values) if v]
    shown = ", ".join(f"{name} {share:.0%}" for name, share in shares)
    assert done.stdout.splitlines() == [
        f"{path}: {shown}",
        "masks, overlays and segmentation.json: out",
    ]
    assert done.stderr.startswith(
        f"auxseg: note: {path.parent}: pictures of formats that are not read: 1 .heic; convert"
    )


@pytest.mark.slow
def test_the_command_says_in_a_sentence_that_a_name_is_not_utf_8(small_network, tmp_path):
    photograph(tmp_path / "a.png").rename(tmp_path / os.fsdecode(b"caf\xe9.png"))

    done = finished(auxseg("predict", "--weights", small_network, "."), tmp_path)

    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "auxseg: error: photographs to segment: 1 fault",
        r"  - caf\xe9.png: its name is not UTF-8; rename it.",
    ]


def test_files_in_the_way_are_told_before_the_network_is_looked_at(tmp_path):
    photos = [str(photograph(tmp_path / f"{name}.jpg")) for name in "ab"]
    for name in "ab":
        photograph(tmp_path / f"out/{name}.png")
    arguments = ["predict", "--weights", "none.safetensors", "--output", str(tmp_path / "out")]

    done = CliRunner().invoke(cli, [*arguments, *photos])

    assert isinstance(done.exception, UserError)
    assert str(done.exception).startswith("photographs to segment: 2 faults")


@pytest.mark.slow
def test_a_full_memory_is_told_with_this_commands_own_remedies(
    small_network, tmp_path, monkeypatch
):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr("auxseg.photographs.segment_photographs", full)
    arguments = ["predict", "--weights", str(small_network), "--output", str(tmp_path / "out")]

    done = CliRunner().invoke(cli, [*arguments, str(photograph(tmp_path / "a.png"))])

    assert isinstance(done.exception, UserError)
    assert str(done.exception).startswith("the memory is full; name a lower --longest-side")


@pytest.mark.parametrize(
    ("options", "flags", "told"),
    [
        ("use_crf: true", [], "use_crf: is for the stage of a run; leave it out, --crf asks for"),
        ("saliency_share: 0.2", [], "saliency_share: is for photographs whose classes are known"),
        ("scales: [1, 2]", [], "scales: is used with --tta; add it."),
        ("flip: false", ["--crf"], "flip: is used with --tta; add it."),
        ("crf: {iterations: 5}", ["--tta"], "crf: is used with --crf; add it."),
    ],
)
def test_options_that_would_change_nothing_are_refused(options, flags, told, tmp_path):
    arguments = ["predict", "--weights", "w.safetensors", "--options", f"{{{options}}}"]

    done = CliRunner().invoke(cli, [*arguments, *flags, str(tmp_path)])

    assert isinstance(done.exception, UserError)
    assert told in str(done.exception)


def test_all_options_that_would_change_nothing_are_told_at_once(tmp_path):
    options = "{use_crf: true, scales: [1.0], crf: {iterations: 5}, precision: 32-true}"
    arguments = ["predict", "--weights", "w.safetensors", "--options", options]

    done = CliRunner().invoke(cli, [*arguments, str(tmp_path)])

    assert str(done.exception).startswith(
        "--options sets what this command does not use: 3 faults\n"
    )
