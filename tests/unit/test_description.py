"""What weights files say of themselves, and what is refused of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from auxseg.description import description_metadata, read_description
from auxseg.errors import UserError

NETWORK = {
    "kind": "network",
    "classes": ["cat", "dog"],
    "palette": [[0, 0, 0], [128, 0, 0], [0, 128, 0]],
    "longest_side": 320,
    "model": {"backbone": "resnet38d"},
}
CLASSIFIER = {"kind": "classifier", "classes": ["cat"], "model": {"backbone": "resnet38d"}}


def weights_that_say(path: Path, metadata: dict[str, str]) -> Path:
    save_file({"weight": np.ones(2, np.float32)}, path, metadata)
    return path


def described(path: Path, about: object) -> Path:
    return weights_that_say(path, description_metadata(about))


@pytest.mark.parametrize("about", [NETWORK, CLASSIFIER], ids=["network", "classifier"])
def test_a_description_comes_back_as_it_was_written(tmp_path, about):
    assert read_description(described(tmp_path / "w.safetensors", about)) == about


@pytest.mark.parametrize("key", ["classes", "palette", "longest_side", "model"])
def test_a_key_that_is_missing_is_named_with_its_file(tmp_path, key):
    about = {name: value for name, value in NETWORK.items() if name != key}
    path = described(tmp_path / "w.safetensors", about)

    with pytest.raises(UserError) as told:
        read_description(path)

    heading, *faults = str(told.value).splitlines()
    assert heading == f"{path}: cannot be used for what it says of itself; make it again: 1 fault"
    assert faults == [f"  - {key}: is missing"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"model": {}}, r"model\.backbone: is missing"),
        ({"model": {"backbone": 38}}, r"model\.backbone: Input should be a valid string"),
        ({"model": {"backbone": "x", "stride": 8}}, r"model\.stride: Extra inputs"),
        ({"model": {"backbone": "x", "output_stride": 7}}, r"model\.output_stride: .* 8 or 16"),
        ({"kind": "picture"}, "kind: Input should be 'classifier' or 'network'"),
        ({"classes": "cat"}, "classes: Input should be a valid array"),
        ({"classes": []}, "classes: "),
        ({"longest_side": "320"}, "longest_side: Input should be a valid integer"),
        ({"longest_side": 0}, "longest_side: Input should be greater than or equal to 1"),
        ({"longest_side": None, "palette": 3}, "2 faults"),
        ({"palette": [[0, 0, 0]]}, "palette must have a colour for the background and for each"),
        ({"palette": [[0, 0, 0], [1, 2], [256, 0, 0]]}, r"palette\.1\.2: is missing"),
        ({"inputs": ["index"]}, "inputs: "),
    ],
    ids=str,
)
def test_values_that_nothing_can_use_are_refused(tmp_path, changed, told):
    path = described(tmp_path / "w.safetensors", {**NETWORK, **changed})

    with pytest.raises(UserError, match=told):
        read_description(path)


@pytest.mark.parametrize("about", [None, [], "network", 3])
def test_a_description_that_is_no_mapping_is_refused(tmp_path, about):
    with pytest.raises(UserError, match="cannot be used for what it says of itself"):
        read_description(described(tmp_path / "w.safetensors", about))


@pytest.mark.parametrize(
    "said", ["", "[]", "3", '{"text": 3, "digest": ""}', "[" * 100_000, json.dumps({"text": "{}"})]
)
def test_metadata_of_others_is_none_of_ours(tmp_path, said):
    path = weights_that_say(tmp_path / "w.safetensors", {"auxseg": said})

    with pytest.raises(UserError, match=r"w\.safetensors: not a weights file of auxseg"):
        read_description(path)
