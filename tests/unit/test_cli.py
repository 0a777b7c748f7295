import importlib
import subprocess
import sys

import pytest
from click.testing import CliRunner

from auxseg.cli import cli, main
from auxseg.config import STAGE_OPTIONS
from auxseg.errors import UserError, out_of_memory
from auxseg.stages import STAGES

REQUIRED = [
    (stage, option.opts[0])
    for stage in STAGES
    for option in cli.get_command(None, stage).params
    if option.required
]


@pytest.mark.parametrize(("stage", "missing"), REQUIRED)
def test_a_stage_names_the_option_it_lacks(stage, missing):
    given = [flag for name, flag in REQUIRED if name == stage and flag != missing]
    arguments = [word for flag in given for word in (flag, "1")]

    result = CliRunner().invoke(cli, [stage, *arguments])

    assert result.exit_code == 2
    assert f"Missing option '{missing}'" in result.output


@pytest.mark.parametrize("stage", STAGES)
def test_the_help_of_a_stage_tells_every_key_and_its_choices(stage):
    # Without an index `predict` is the command for photographs.
    arguments = ["predict", "--index", "x"] if stage == "predict" else [stage]
    text = " ".join(CliRunner().invoke(cli, [*arguments, "--help"]).output.split())

    assert importlib.import_module(f"auxseg.stages.{stage}").__doc__.splitlines()[0] in text
    for key in STAGE_OPTIONS[stage].model_fields:
        assert f"{key} (" in text or f"{key}." in text


def test_the_keys_of_a_data_set_are_told():
    text = CliRunner().invoke(cli, ["index", "--help"]).output

    assert "folder.root (my-photos): folder with images/" in text
    assert "voc.labels (xml | csv | masks; default xml): " in text


def test_a_missing_file_of_options_is_one_sentence(tmp_path):
    command = [sys.executable, "-m", "auxseg.cli", "evaluate", "--options", f"{tmp_path}/no.yaml"]
    paths = ("index", "masks", "labels", "saliency", "metrics", "per-class")
    done = subprocess.run(
        [*command, *(word for path in paths for word in (f"--{path}", "x"))],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr == (
        f"auxseg: error: --options {tmp_path}/no.yaml: no such file, and no mapping "
        f"like '{{key: value}}'.\n"
    )


def test_a_download_that_cannot_begin_is_one_sentence(tmp_path):
    command = [sys.executable, "-m", "auxseg.cli", "download", "sbd", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr == (
        f"auxseg: error: {tmp_path}/VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt: no such "
        f"file; SBD is added to VOC 2012: run `auxseg download voc12 {tmp_path}` first.\n"
    )


def test_an_unknown_data_set_is_answered_with_the_known_ones():
    done = CliRunner().invoke(cli, ["download", "voc11", "data"])

    assert done.exit_code == 2
    assert "'voc11' is not one of 'voc12', 'sbd', 'coco14'" in done.output


def test_a_full_memory_is_one_sentence(monkeypatch, capsys):
    def full(**_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")

    monkeypatch.setattr("auxseg.cli.cli", full)
    for name in ("stop_on_signals", "ignore_signals"):  # this process has its own
        monkeypatch.setattr(f"auxseg.cli.{name}", lambda: None)

    with pytest.raises(SystemExit) as left:
        main()

    assert left.value.code == 2
    assert capsys.readouterr().err.startswith("auxseg: error: the memory is full; lower index.")


def test_other_errors_are_not_taken_for_a_full_memory():
    assert out_of_memory(MemoryError())
    assert not out_of_memory(RuntimeError("shape mismatch"))


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ("cam.h5", "--cam and --labels: both are cam.h5; name two files."),
        ("notes.csv", "--labels: notes.csv: name a file that ends in .h5."),
    ],
)
def test_a_stage_does_not_write_over_what_it_reads_or_what_is_no_artifact(labels, sentence):
    paths = ["--index", "index.h5", "--cam", "cam.h5", "--saliency", "s.h5", "--labels", labels]

    done = CliRunner().invoke(cli, ["seed", *paths])

    assert isinstance(done.exception, UserError)
    assert str(done.exception) == sentence


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1/0", "3", "a/b", "-1/3"])
def test_a_shard_is_one_of_those_there_are(shard):
    done = CliRunner().invoke(cli, ["index", "--index", "i.h5", "--shard", shard])

    assert done.exit_code == 2
    assert f"'{shard}' is no shard; give 3/8 for the third of 8." in done.output


def test_a_shard_is_not_joined_while_it_is_made():
    arguments = ["--shard", "1/3", "--shards", "3"]
    done = CliRunner().invoke(cli, ["index", "--index", "i.h5", *arguments])

    assert done.exit_code == 2
    assert "give --shard for a part, or --shards to join all, not both." in done.output


@pytest.mark.parametrize("stage", ["index", "saliency"])
def test_a_stage_that_uses_no_device_takes_none(stage):
    told = CliRunner().invoke(cli, [stage, "--help"]).output

    assert "--threads" in told
    assert "--device" not in told
