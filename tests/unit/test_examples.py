"""The programs in examples/ do what their first lines promise, on tiny data."""

import os
import runpy
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from auxseg.config import CamOptions, IndexOptions
from auxseg.datasets.index_file import read_index
from auxseg.datasets.load import load_dataset
from auxseg.runtime import Runtime
from auxseg.stages import cam
from auxseg.store import MapReader
from tests.processes import ROOT, auxseg

EXAMPLES = ROOT / "examples"


def run_example(name, *arguments):
    """Run an example as a program, in this process."""
    before, sys.argv = sys.argv, [name, *map(str, arguments)]
    try:
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    finally:
        sys.argv = before


@pytest.mark.slow
def test_an_own_backbone_is_known_to_the_stages(finished, tmp_path):
    index, weights = finished / "index.h5", tmp_path / "weights.safetensors"
    model = "model: {backbone: plain_net, weights: none, freeze_batch_norm: false}"
    classify = ["classify", "--index", index, "--weights", weights, "--history", tmp_path / "h.csv"]
    classify += ["--options", f"{{{model}, crop_size: 48, epochs: 1}}"]
    shutil.copy(EXAMPLES / "own_backbone.py", tmp_path)
    (tmp_path / "sitecustomize.py").write_text("import own_backbone\n", encoding="utf-8")
    paths = f"{tmp_path}{os.pathsep}{ROOT}"

    script = [sys.executable, str(EXAMPLES / "own_backbone.py"), *map(str, classify)]
    subprocess.run(script, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": ROOT})
    command = auxseg("cam", "--index", index, "--weights", weights, "--cam", tmp_path / "cam.h5")
    subprocess.run(
        command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": paths}
    )

    with MapReader(tmp_path / "cam.h5", "cam") as cams:
        assert cams.ids() == [entry.id for entry in read_index(index).split("train")]


def test_coloured_masks_become_a_folder_with_labels(tmp_path, capsys):
    source, target = tmp_path / "scenes", tmp_path / "my-photos"
    for name in ("photos", "coloured"):
        (source / name).mkdir(parents=True)
    colours = [(64, 0, 128), (128, 64, 128), (128, 128, 0), (1, 2, 3), (64, 0, 128)]
    for number, colour in enumerate(colours):
        picture = np.full((4, 6, 3), colour, dtype=np.uint8)
        picture[0] = 0
        Image.fromarray(picture).save(source / "coloured" / f"{number}.png")
        Image.fromarray(picture).save(source / "photos" / f"{number}.jpg")

    run_example("own_dataset.py", source, target)

    (word,) = shlex.split(capsys.readouterr().out)  # as a shell takes it
    told = word.removeprefix("index=")
    folder = IndexOptions.model_validate_json(f'{{"dataset": "folder", {told[1:]}').folder
    data = load_dataset(IndexOptions(dataset="folder", folder=folder))
    assert data.classes == ("car", "road", "tree")
    assert data.faults == ()
    found = {record.id: (record.split, record.labels) for record in data.records}
    train = {"0": ("train", (0,)), "1": ("train", (1,)), "2": ("train", (2,))}
    assert found == {**train, "4": ("val", (0,))}
    assert np.unique(data.records[1].mask()).tolist() == [2, 255]


def test_maps_of_another_method_are_taken_as_cams(finished, tmp_path):
    run_example("own_cams.py", finished, tmp_path / "my-cams")

    options = CamOptions(source="maps", maps=str(tmp_path / "my-cams"))
    paths = {"index": finished / "index.h5", "cam": tmp_path / "cam.h5"}
    cam.run(options, **paths, runtime=Runtime())
    with MapReader(tmp_path / "cam.h5", "cam") as cams:
        entry = read_index(finished / "index.h5").split("train")[0]
        assert cams.read(entry.id).shape == (
            entry.labels.sum(),
            -(-entry.height // 32),
            -(-entry.width // 32),
        )


def test_a_picture_shows_what_a_round_made_of_a_photograph(finished, tmp_path):
    run_example("look_at_a_run.py", finished, 0, tmp_path / "picture.png")

    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.size == (1200, 300)
        assert len(picture.convert("RGB").getcolors(100_000)) > 100
