"""Files of MXNet's, as it writes them itself, and the names of ResNet38d's ImageNet weights."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from auxseg.errors import UserError
from auxseg.import_weights import import_weights
from auxseg.nn.backbones import build_backbone
from auxseg.nn.foreign import backbone_state
from auxseg.nn.imagenet import initialise_backbone
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


class Small(nn.Module):
    """What `initialise_backbone` fills, with two tensors of ResNet38d."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.ModuleDict({"stem": nn.Conv2d(1, 1, 1, bias=False)})
        self.body["norm"] = nn.BatchNorm2d(2)


@pytest.mark.parametrize("prefix", ["module.", ""])
@pytest.mark.parametrize("kind", [".params", ".pth", ".safetensors"])
def test_a_backbone_begins_with_weights_under_any_of_their_names(tmp_path, kind, prefix):
    stem, norm = torch.full((1, 1, 1, 1), 3.0), torch.tensor([[4.0, 5], [6, 7], [8, 9], [1, 2]])
    path = tmp_path / f"a{kind}"
    if kind == ".params":
        parts = ("arg:bn7_gamma", "arg:bn7_beta", "aux:bn7_moving_mean", "aux:bn7_moving_var")
        arrays = {"arg:conv1a_weight": stem, **dict(zip(parts, norm, strict=True))}
        path.write_bytes(first_version({name: value.numpy() for name, value in arrays.items()}))
    else:
        parts = ("bn7.weight", "bn7.bias", "bn7.running_mean", "bn7.running_var")
        state = {"conv1a.weight": stem, **dict(zip(parts, norm, strict=True))}
        state = {f"{prefix}{name}": value.clone() for name, value in state.items()}
        torch.save(state, path) if kind == ".pth" else save_file(state, path)
    backbone = Small()

    initialise_backbone(backbone, "resnet38d", str(path))

    found = backbone.body["norm"]
    assert backbone.body["stem"].weight.item() == 3
    kept = [found.weight, found.bias, found.running_mean, found.running_var]
    assert torch.equal(torch.stack([*kept]), norm)


def test_a_backbone_alone_is_no_checkpoint_to_import(tmp_path):
    (tmp_path / "a.params").write_bytes(first_version({"arg:conv1a_weight": np.ones(1)}))

    with pytest.raises(UserError, match=r"a\.params: a backbone alone, .* as model\.weights"):
        import_weights(tmp_path / "a.params", tmp_path / "b.safetensors")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda whole: whole[:-3], "it ends early"),
        (lambda whole: b"PK" + whole[2:], "no parameters of MXNet's"),
        (lambda whole: whole[:24] + struct.pack("<I", 99) + whole[28:], "99 dimensions"),
        (lambda whole: whole[:28] + struct.pack("<I", 0) + whole[32:], r"the shape \(0, 3\)"),
        (lambda whole: whole[:28] + struct.pack("<I", 2**31) + whole[32:], "it ends early"),
        (lambda whole: whole[:16] + struct.pack("<Q", 2**60) + whole[24:], "no parameters of"),
        (lambda whole: whole[:16] + struct.pack("<Q", 9) + whole[24:], "99 dimensions|type|early"),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path, damage, reason):
    path: Path = tmp_path / "a.params"
    path.write_bytes(damage(first_version({"arg:a": np.ones((2, 3))})))

    with pytest.raises(UserError, match=rf"a\.params: not a readable weights file \(.*{reason}"):
        read_state(path)
