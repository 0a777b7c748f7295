"""Files of MXNet's, as it writes them itself, and the names of ResNet38d's ImageNet weights."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from auxseg.errors import UserError
from auxseg.import_weights import import_weights
from auxseg.nn.backbones import build_backbone
from auxseg.nn.foreign import backbone_state
from auxseg.nn.mxnet_params import read_params
from auxseg.nn.weights import read_state
from tests.mxnet_file import first_version

# mxnet.nd.save of MXNet 1.9.1, of what the test below expects.
SAVED = bytes.fromhex(
    "120100000000000000000000000000000400000000000000c9fa93f900000000040000000100000000000000"
    "020000000000000001000000000000000200000000000000010000000000000000000000000000000000803f"
    "0000004000004040c9fa93f9000000000100000002000000000000000100000000000000000000000000c03f"
    "00000040c9fa93f900000000010000000300000000000000010000000000000002000000003c00400042c9fa"
    "93f9000000000100000003000000000000000100000000000000040000000100000002000000030000000400"
    "00000000000011000000000000006172673a636f6e7631615f77656967687413000000000000006175783a62"
    "6e375f6d6f76696e675f6d65616e060000000000000068616c76657307000000000000006e756d62657273"
)


def published_name(name: str) -> str:
    """Our name of a tensor of ResNet38d -> the one in ilsvrc-cls_rna-a1_cls1000_ep-0001.params."""
    module, _, parameter = name.rpartition(".")
    if module == "stem":
        return "arg:conv1a_weight"
    stage, _, layer = module.rpartition(".")
    is_norm = layer.startswith("norm")
    kinds = {"weight": "gamma" if is_norm else "weight", "bias": "beta"}
    kinds |= {"running_mean": "moving_mean", "running_var": "moving_var"}
    prefix = "aux" if "running" in parameter else "arg"
    if module == "norm":
        return f"{prefix}:bn7_{kinds[parameter]}"
    number, _, unit = stage.removeprefix("stage").partition(".")
    unit = f"b{unit}" if unit not in ("", "0") else "a"
    branch = "1" if layer == "shortcut" else {"1": "2a", "2": "2b1", "3": "2b2"}[layer[-1]]
    return f"{prefix}:{'bn' if is_norm else 'res'}{number}{unit}_branch{branch}_{kinds[parameter]}"


def test_a_file_that_mxnet_wrote_is_read(tmp_path):
    (tmp_path / "a.params").write_bytes(SAVED)

    found = read_params(tmp_path / "a.params")

    assert {name: (v.dtype, v.tolist()) for name, v in found.items()} == {
        "conv1a_weight": (torch.float32, [[[[0.0, 1.0]], [[2.0, 3.0]]]]),
        "bn7_moving_mean": (torch.float32, [1.5, 2.0]),
        "halves": (torch.float16, [1.0, 2.0, 3.0]),
        "numbers": (torch.int32, [1, 2, 3]),
    }


def test_a_file_of_the_first_version_is_read(tmp_path):
    arrays = {"arg:a": np.arange(24.0).reshape(2, 3, 4, 1), "aux:b": np.ones(3)}
    (tmp_path / "a.params").write_bytes(first_version(arrays))

    found = read_params(tmp_path / "a.params")

    assert np.array_equal(found["a"].numpy(), arrays["arg:a"])
    assert np.array_equal(found["b"].numpy(), arrays["aux:b"])


def test_every_tensor_of_resnet38d_is_found_under_its_published_name(tmp_path):
    with torch.device("meta"):
        own = build_backbone("resnet38d", 8).body.state_dict()
    names = [name for name in own if not name.endswith("num_batches_tracked")]
    arrays = {published_name(name): np.full(1, k) for k, name in enumerate(names)}
    arrays["arg:linear1000_weight"] = np.full(1, -1)
    (tmp_path / "a.params").write_bytes(first_version(arrays))

    found = backbone_state(read_state(tmp_path / "a.params"))

    assert {name: int(value) for name, value in found.items()} == {
        name: k for k, name in enumerate(names)
    }


def test_a_backbone_alone_is_no_checkpoint_to_import(tmp_path):
    (tmp_path / "a.params").write_bytes(first_version({"arg:conv1a_weight": np.ones(1)}))

    with pytest.raises(UserError, match=r"a\.params: a backbone alone, .* as model\.weights"):
        import_weights(tmp_path / "a.params", tmp_path / "b.safetensors")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda whole: whole[:-3], "it ends early"),
        (lambda whole: b"PK" + whole[2:], "no file of MXNet's"),
        (lambda whole: whole[:24] + struct.pack("<I", 99) + whole[28:], "99 dimensions"),
        (lambda whole: whole[:16] + struct.pack("<Q", 2**60) + whole[24:], ""),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path, damage, reason):
    path: Path = tmp_path / "a.params"
    path.write_bytes(damage(first_version({"arg:a": np.ones((2, 3))})))

    with pytest.raises(UserError, match=rf"a\.params: not a readable weights file \(.*{reason}"):
        read_state(path)
