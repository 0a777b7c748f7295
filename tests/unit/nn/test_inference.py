import numpy as np
import pytest
import torch

from auxseg.errors import UserError
from auxseg.nn.backbones import build_backbone
from auxseg.nn.inference import average_maps, class_probabilities
from auxseg.nn.network import build_network

BACKBONE = build_backbone("test_efficientnet").eval()


def image(height: int = 40, width: int = 60) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def red(images: torch.Tensor) -> torch.Tensor:
    """A network whose map is the red channel at half the size."""
    return torch.nn.functional.avg_pool2d(images[:, :1], 2)


def test_maps_are_resized_to_the_size_asked_for():
    maps = average_maps(image(), BACKBONE, red, scales=(0.5, 1.0), flip=True, size=(10, 15))

    assert maps.shape == (1, 10, 15)
    assert maps.dtype == np.float32


def test_the_average_over_scales_is_the_mean_of_each_scale_alone():
    settings = {"flip": False, "size": (40, 60)}

    one = average_maps(image(), BACKBONE, red, scales=(1.0,), **settings)
    two = average_maps(image(), BACKBONE, red, scales=(2.0,), **settings)
    both = average_maps(image(), BACKBONE, red, scales=(1.0, 2.0), **settings)

    assert np.allclose(both, (one + two) / 2, atol=1e-6)


def test_flip_makes_the_maps_of_a_mirrored_image_the_mirrored_maps():
    def left_heavy(images: torch.Tensor) -> torch.Tensor:
        return red(images) * torch.linspace(1, 0, images.shape[3] // 2)

    settings = {"scales": (1.0,), "flip": True, "size": (40, 60)}
    upright = average_maps(image(), BACKBONE, left_heavy, **settings)
    mirrored = average_maps(image()[:, ::-1], BACKBONE, left_heavy, **settings)

    assert np.allclose(upright, mirrored[:, :, ::-1], atol=1e-6)


def test_the_activation_is_applied_at_full_size_before_averaging():
    def both(images: torch.Tensor) -> torch.Tensor:
        return torch.cat((3 * red(images), -2 * red(images)), dim=1)

    def probabilities(scale: float) -> np.ndarray:
        settings = {"scales": (scale,), "flip": False, "size": (40, 60)}
        return (
            torch.from_numpy(average_maps(image(), BACKBONE, both, **settings)).softmax(0).numpy()
        )

    averaged = average_maps(
        image(),
        BACKBONE,
        both,
        scales=(0.5, 1.0),
        flip=False,
        size=(40, 60),
        activation=torch.nn.Softmax(dim=1),
    )

    expected = (probabilities(0.5) + probabilities(1.0)) / 2
    assert np.allclose(averaged, expected, atol=1e-6)
    logits = average_maps(image(), BACKBONE, both, scales=(0.5, 1.0), flip=False, size=(40, 60))
    assert not np.allclose(averaged, torch.from_numpy(logits).softmax(0).numpy(), atol=1e-2)


def test_a_tiny_image_at_a_small_scale_still_has_maps():
    maps = average_maps(
        image(3, 5), BACKBONE, BACKBONE, scales=(0.25, 1.0), flip=False, size=(3, 5)
    )

    assert maps.shape == (BACKBONE.channels, 3, 5)


def test_lower_precision_stays_near():
    torch.manual_seed(0)
    network = build_network("test_efficientnet", 3, dense_channels=8).eval()
    settings = {"labels": np.arange(4), "scales": (1.0, 1.5), "flip": True}
    photo = image()

    exact = class_probabilities(network, photo, **settings)
    near = class_probabilities(network, photo, **settings, precision="bf16-mixed")

    assert near.dtype == np.float32
    assert 0 < np.abs(near - exact).max() < 0.05


def test_a_small_image_is_enlarged_in_its_own_proportions():
    sizes = []

    def seen(images: torch.Tensor) -> torch.Tensor:
        sizes.append(tuple(images.shape[2:]))
        return red(images)

    average_maps(image(20, 300), BACKBONE, seen, scales=(0.5, 1.0, 2.0), flip=False, size=(20, 300))

    assert sizes == [(32, 480), (32, 480), (40, 600)]


def test_a_format_for_gpus_is_refused_on_a_processor():
    with pytest.raises(
        UserError,
        match=r"^precision of the stage's section: 16-mixed is for GPUs; on a processor take",
    ):
        average_maps(
            image(), BACKBONE, red, scales=(1.0,), flip=False, size=(4, 6), precision="16-mixed"
        )
