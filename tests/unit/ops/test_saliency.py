import numpy as np

from auxseg.ops.saliency import from_bytes, model_input, model_output, to_bytes


def test_model_input_is_scaled_by_the_images_own_maximum():
    image = np.full((6, 9, 3), 100, dtype=np.uint8)

    values = model_input(
        image, size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.25, 0.5), divide_by_max=True
    )

    assert values.shape == (1, 3, 32, 32)
    assert values.dtype == np.float32
    assert values[0, :, 0, 0].tolist() == [1.0, 2.0, 1.0]


def test_model_input_without_divide_by_max_is_scaled_by_255():
    image = np.full((6, 9, 3), 51, dtype=np.uint8)

    values = model_input(image, size=32, mean=(0, 0, 0), std=(1, 1, 1), divide_by_max=False)

    assert np.allclose(values, 0.2)


def test_a_black_image_gives_finite_input():
    black = np.zeros((4, 4, 3), dtype=np.uint8)

    values = model_input(black, size=32, mean=(0, 0, 0), std=(1, 1, 1), divide_by_max=True)

    assert np.isfinite(values).all()


def test_model_output_takes_the_images_shape_and_stays_in_range():
    output = np.array([[[[-0.5, 1.5], [-0.5, 1.5]]]], dtype=np.float32)

    saliency = model_output(output, (5, 8))

    assert saliency.shape == (5, 8)
    assert saliency[:, 0].tolist() == [0.0] * 5
    assert saliency[:, -1].tolist() == [1.0] * 5


def test_every_byte_survives_the_way_to_float_and_back():
    values = np.arange(256, dtype=np.uint8)

    assert np.array_equal(to_bytes(from_bytes(values)), values)
