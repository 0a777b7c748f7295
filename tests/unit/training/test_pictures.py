import numpy as np

from auxseg.training.pictures import crops_picture


def test_crops_stand_above_their_labels_and_predictions():
    images = np.random.default_rng(0).integers(0, 256, (6, 3, 4, 4)).astype(np.uint8)
    labels = np.zeros((6, 4, 4), dtype=np.uint8)
    labels[1, 0, 0], labels[1, 0, 1] = 1, 255
    predicted = np.zeros_like(labels)

    picture = crops_picture(images, labels, predicted)

    assert picture.shape == (12, 16, 3)
    assert np.array_equal(picture[:4, 4:8], images[1].transpose(1, 2, 0))
    assert np.array_equal(picture[8:, 4:8], images[1].transpose(1, 2, 0))
    photo = images[1, :, 0, 0] * 0.4
    assert np.abs(picture[4, 4] - (photo + 0.6 * np.array([128, 0, 0]))).max() < 1
    assert (picture[4, 5] >= 0.6 * 255 - 1).all()
