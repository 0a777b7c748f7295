import pickle

import pytest
import torch

from auxseg.errors import UserError
from auxseg.nn.backbones import build_backbone
from auxseg.nn.network import Classifier, build_network
from auxseg.nn.weights import (
    load_classifier,
    load_network,
    load_weights,
    read_state,
    save_weights,
)
from tests.damage import with_a_flipped_bit

MODEL = {"backbone": "test_efficientnet", "output_stride": 16, "freeze_batch_norm": True}


def classifier(path, num_classes=2):
    network = Classifier(build_backbone("test_efficientnet"), num_classes)
    classes = [f"class {number}" for number in range(num_classes)]
    save_weights(path, network, {"kind": "classifier", "classes": classes, "model": MODEL})
    return network


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    other = b.state_dict()
    return all(torch.equal(value, other[name]) for name, value in a.state_dict().items())


def test_a_classifier_comes_back_as_it_was_saved(tmp_path):
    saved = classifier(tmp_path / "weights.safetensors")

    loaded, description = load_classifier(tmp_path / "weights.safetensors")

    assert same(saved, loaded)
    assert description["classes"] == ["class 0", "class 1"]
    assert not loaded.training


def test_a_network_comes_back_as_it_was_saved(tmp_path):
    network = build_network("test_efficientnet", 2, dense_channels=8)
    model = {**MODEL, "branches": "all", "affinity": "cross-task", "dense_channels": 8}
    description = {
        "kind": "network",
        "classes": ["a", "b"],
        "palette": [[0, 0, 0], [9, 0, 0], [0, 9, 0]],
        "longest_side": 64,
        "model": model,
    }
    save_weights(tmp_path / "weights.safetensors", network, description)

    loaded, _ = load_network(tmp_path / "weights.safetensors")

    assert same(network, loaded)


def test_a_network_starts_from_a_classifier_and_names_what_it_lacks(tmp_path):
    start = classifier(tmp_path / "weights.safetensors")
    network = build_network("test_efficientnet", 2, dense_channels=8)

    missing = load_weights(network, tmp_path / "weights.safetensors", allow_missing=True)

    assert same(start, network)
    assert {name.split(".")[0] for name in missing} == {"segmentation", "saliency", "cross_task"}


def test_missing_tensors_are_refused_unless_allowed(tmp_path):
    classifier(tmp_path / "weights.safetensors")
    network = build_network("test_efficientnet", 2, dense_channels=8)

    with pytest.raises(UserError, match=r"do not fit this network .*missing in the file"):
        load_weights(network, tmp_path / "weights.safetensors")


def test_another_number_of_classes_is_refused_with_both_shapes(tmp_path):
    classifier(tmp_path / "weights.safetensors", num_classes=3)
    network = Classifier(build_backbone("test_efficientnet"), 2)

    with pytest.raises(UserError, match=r"\(3, 256, 1, 1\) in the file, \(2, 256, 1, 1\) here"):
        load_weights(network, tmp_path / "weights.safetensors", allow_missing=True)


def test_a_classifier_is_refused_where_a_network_is_needed(tmp_path):
    classifier(tmp_path / "weights.safetensors")

    with pytest.raises(UserError, match="holds a classifier, where a network is needed"):
        load_network(tmp_path / "weights.safetensors")


class Hostile:
    def __reduce__(self):
        return print, ("executed",)


def test_a_file_that_holds_code_is_refused_and_not_run(tmp_path, capsys):
    path = tmp_path / "weights.pth"
    torch.save({"state": Hostile()}, path, pickle_module=pickle)

    with pytest.raises(UserError, match="refused: it holds more than tensors"):
        read_state(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [b"", b"image,labels", b"\xff\xd8\xff\xe0"])
def test_a_file_that_torch_never_wrote_is_not_said_to_hold_code(tmp_path, content):
    (tmp_path / "photo.jpg").write_bytes(content)

    with pytest.raises(UserError, match=r"photo\.jpg: not a readable weights file \(no checkpoint"):
        read_state(tmp_path / "photo.jpg")
    with pytest.raises(UserError, match="a folder; name the weights file in it"):
        read_state(tmp_path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_damaged_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(b"nonsense")

    with pytest.raises(UserError, match=r"weights\.(safetensors|pth): (not a readable|refused)"):
        read_state(path)


def test_weights_of_other_classes_are_refused(tmp_path):
    classifier(tmp_path / "weights.safetensors")

    with pytest.raises(UserError, match="learnt class 0, class 1, but the index has cat, dog"):
        load_classifier(tmp_path / "weights.safetensors", ("cat", "dog"))


def test_a_flipped_bit_is_noticed_or_changes_nothing(tmp_path):
    path = tmp_path / "weights.safetensors"
    saved = classifier(path)
    whole = path.read_bytes()
    header = 8 * (8 + int.from_bytes(whole[:8], "little"))
    places = [*range(0, header, 997), *range(header, 8 * len(whole), len(whole) // 5)]
    noticed = 0

    for place in places:
        path.write_bytes(with_a_flipped_bit(whole, place))
        try:
            loaded, description = load_classifier(path, ["class 0", "class 1"])
        except UserError as error:
            noticed += 1
            assert str(error).startswith(f"{path}: ")
        else:
            assert same(saved, loaded)
            assert description == {
                "kind": "classifier", "classes": ["class 0", "class 1"], "model": MODEL
            }  # fmt: skip

    assert noticed > 0.8 * len(places)


def test_the_same_network_gives_the_same_bytes(tmp_path):
    network = Classifier(build_backbone("test_efficientnet"), 2)
    about = {"kind": "classifier", "classes": ["a", "b"], "model": MODEL, "round": 0, "inputs": {}}

    for number in range(8):
        save_weights(tmp_path / f"{number}.safetensors", network, about)

    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_a_file_without_a_state_dict_holds_no_tensors(tmp_path):
    torch.save({"state_dict": torch.zeros(2)}, tmp_path / "odd.pth")

    assert read_state(tmp_path / "odd.pth") == {}


def test_weights_that_share_no_tensor_are_refused(tmp_path):
    torch.save({"other.weight": torch.zeros(2)}, tmp_path / "other.pth")
    network = build_network("test_efficientnet", 2, dense_channels=8)

    with pytest.raises(UserError, match=r"no tensor in common; build it with the backbone"):
        load_weights(network, tmp_path / "other.pth", allow_missing=True)
