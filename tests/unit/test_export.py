"""Networks as files for other programs, compared with torch."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from auxseg.datasets.palette import voc_palette
from auxseg.errors import UserError
from auxseg.export import CARD, export_network, largest_difference
from auxseg.images import image_size, read_image
from auxseg.nn.end_to_end import EndToEnd
from auxseg.nn.network import build_network
from auxseg.nn.weights import load_network, save_weights
from auxseg.segmenter import load_segmenter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lite0(tmp_path_factory):
    """A random EfficientNet-Lite0, whose convolutions pad by the size of what they see."""
    torch.manual_seed(0)
    model = {"backbone": "tf_efficientnet_lite0"}
    path = tmp_path_factory.mktemp("lite0") / "weights.safetensors"
    description = {
        "kind": "network",
        "classes": ["cat", "dog"],
        "palette": voc_palette(3),
        "longest_side": 320,
        "round": 0,
        "model": model,
    }
    save_weights(path, build_network(num_classes=2, **model), description)
    return path


@pytest.fixture(scope="module")
def onnx_file(lite0, tmp_path_factory):
    target = tmp_path_factory.mktemp("exported") / "lite0.onnx"
    export_network(lite0, target)
    return target


def tensor(image: np.ndarray) -> np.ndarray:
    return image.transpose(2, 0, 1)[None].copy()


def test_onnx_computes_what_torch_does_on_real_photographs_of_many_sizes(
    lite0, onnx_file, voc_animals
):
    files = sorted((voc_animals / "JPEGImages").glob("*.jpg"))
    by_size = list({image_size(file): file for file in files}.values())[:20]
    network = EndToEnd(load_network(lite0)[0]).eval()
    session = onnxruntime.InferenceSession(str(onnx_file))

    assert len(by_size) == 20
    for file in by_size:
        image = read_image(file)
        (found,) = session.run(None, {"image": tensor(image)})
        with torch.no_grad():
            expected = network(torch.from_numpy(tensor(image))).numpy()
        assert found.shape == (1, 3, *image.shape[:2])
        assert np.abs(found - expected).max() < 1e-3


def test_what_is_exported_segments_as_the_network_itself(finished, tmp_path):
    weights = finished / "round0/weights.safetensors"
    image = np.random.default_rng(0).integers(0, 256, (48, 60, 3), dtype=np.uint8)

    export_network(weights, tmp_path / "network.pt2")

    module = torch.export.load(tmp_path / "network.pt2").module()
    probabilities = module(torch.from_numpy(tensor(image)))[0].numpy()
    expected = load_segmenter(weights).probabilities(image)[1]
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


def test_the_card_lies_inside_the_file_and_beside_it(onnx_file):
    metadata = {p.key: p.value for p in onnx.load(str(onnx_file)).metadata_props}

    card = json.loads(metadata[CARD])
    assert card["classes"] == ["background", "cat", "dog"]
    assert card["palette"] == [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    assert card["longest_side"] == 320
    page = onnx_file.with_name("lite0.onnx.md").read_text()
    assert "| 2 | dog | rgb(0, 128, 0) |" in page
    assert "Not known: no figures of the network lay beside the weights." in page
    assert "- Saliency: Not known: nothing beside the weights tells." in page


def test_a_file_that_cannot_be_run_is_told_in_a_sentence(lite0, onnx_file, tmp_path):
    network, _ = load_network(lite0)
    for name in ("half.onnx", "half.pt2"):
        file = tmp_path / name
        file.write_bytes(onnx_file.read_bytes()[:-5000])

        with pytest.raises(UserError, match=r"what was written cannot be run \(.+\); export with"):
            largest_difference(network, file)


def test_a_file_that_computes_something_else_is_refused(lite0, onnx_file):
    network, _ = load_network(lite0)

    for values in (0.0, float("nan")):
        with torch.no_grad():
            network.segmentation.predict.weight.fill_(values)
        with pytest.raises(UserError, match=r"its probabilities differ by up to .+ from torch's"):
            largest_difference(network, onnx_file)


def test_a_target_of_another_kind_is_refused(lite0, tmp_path):
    with pytest.raises(UserError, match=r"net\.pth: name a file that ends in \.onnx or \.pt2\."):
        export_network(lite0, tmp_path / "net.pth")


def test_a_classifier_is_no_network_to_export(finished, tmp_path):
    with pytest.raises(UserError, match="holds a classifier, where a network is needed"):
        export_network(finished / "classifier/weights.safetensors", tmp_path / "net.onnx")

    assert not list(tmp_path.iterdir())
