from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from auxseg.config import EvaluateOptions
from auxseg.datasets.index_file import Entry, Index, write_index
from auxseg.errors import UserError
from auxseg.stages import evaluate
from auxseg.store import Header, MapWriter

TRUTH = np.array([[0, 0, 1, 1]], dtype=np.uint8)


def write(path: Path, kind: str, maps: dict, header: Header | None = None) -> Path:
    with MapWriter(path, header or Header(kind)) as writer:
        for image_id, values in maps.items():
            writer.put(image_id, np.asarray(values, dtype=np.uint8))
    return path


def score(
    folder: Path, masks: dict, known: bool = False, **options
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score labels of one train image, predictions of one val image in three variants."""
    entries = tuple(
        Entry(name, split, Path(f"{name}.jpg"), 1, 4, np.array([True]), None)
        for name, split in (("t", "train"), ("v", "val"))
    )
    write_index(folder / "i.h5", Header("index"), Index(("cat",), ((0, 0, 0), (9, 9, 9)), entries))
    variants = Header(
        "predictions",
        '{"scales": [0.5, 1.0], "flip": true}',
        {},
        {"variants": ["single", "multiscale", "multiscale+crf"], "known_classes": known},
    )
    planes = [[[0, 0, 0, 0]], [[0, 1, 1, 1]], [[0, 0, 1, 1]]]
    predicted = {"v": planes, "t": planes} if known else {"v": planes}
    evaluate.run(
        EvaluateOptions(**options),
        index=folder / "i.h5",
        masks=write(folder / "m.h5", "masks", masks),
        labels=write(folder / "l.h5", "labels", {"t": [[0, 255, 1, 1]]}),
        saliency=write(folder / "s.h5", "saliency", {"t": [[0, 0, 255, 255]]}),
        predictions=write(folder / "p.h5", "predictions", predicted, variants),
        metrics=folder / "metrics.csv",
        per_class=folder / "per_class.csv",
    )
    return pd.read_csv(folder / "metrics.csv"), pd.read_csv(folder / "per_class.csv")


def test_pseudo_labels_have_precision_recall_miou_and_the_share_ignored(tmp_path):
    metrics, _ = score(tmp_path, {"t": TRUTH, "v": TRUTH})

    found = metrics[metrics.subject == "labels"].set_index("metric").value.to_dict()
    assert found == {"precision": 1.0, "recall": 0.75, "miou": 0.75, "ignored": 0.25}


def test_each_variant_of_predictions_carries_scales_flip_crf_split_and_images(tmp_path):
    metrics, _ = score(tmp_path, {"t": TRUTH, "v": TRUTH})

    rows = metrics[metrics.subject == "predictions"]
    assert rows.split.tolist() == ["val"] * 3
    assert rows.images.tolist() == [1] * 3
    assert rows.scales.tolist() == ["1", "0.5 1", "0.5 1"]
    assert rows.flip.astype(str).tolist() == ["False", "True", "True"]
    assert rows.crf.astype(str).tolist() == ["False", "False", "True"]
    assert rows.value.tolist() == pytest.approx([(1 / 2 + 0) / 2, (1 / 2 + 2 / 3) / 2, 1.0])


def test_masks_of_known_classes_are_scored_by_split_under_a_name_of_their_own(tmp_path):
    metrics, _ = score(tmp_path, {"t": TRUTH, "v": TRUTH}, known=True)

    rows = metrics[metrics.subject == "pseudo masks"]
    assert rows.split.tolist() == ["train"] * 3 + ["val"] * 3
    assert "predictions" not in set(metrics.subject)


def test_what_is_not_given_is_not_scored(tmp_path):
    score(tmp_path, {"t": TRUTH, "v": TRUTH})

    evaluate.run(
        EvaluateOptions(),
        index=tmp_path / "i.h5",
        masks=tmp_path / "m.h5",
        predictions=tmp_path / "p.h5",
        metrics=tmp_path / "again.csv",
        per_class=tmp_path / "classes.csv",
    )

    assert set(pd.read_csv(tmp_path / "again.csv").subject) == {"predictions"}


def test_each_class_has_its_own_row(tmp_path):
    _, per_class = score(tmp_path, {"t": TRUTH, "v": TRUTH})

    labels = per_class[per_class.subject == "labels"].set_index("class")
    assert labels.iou.to_dict() == {"background": 0.5, "cat": 1.0}
    assert labels.recall.to_dict() == {"background": 0.5, "cat": 1.0}


def test_saliency_is_scored_unless_switched_off(tmp_path):
    (tmp_path / "off").mkdir()
    scored, _ = score(tmp_path, {"t": TRUTH, "v": TRUTH})
    plain, _ = score(tmp_path / "off", {"t": TRUTH, "v": TRUTH}, saliency=False)

    found = scored[scored.subject == "saliency"].set_index("metric").value
    assert found["mae"] == 0
    assert found["iou"] == 1
    assert "saliency" not in set(plain.subject)


def test_images_of_unknown_truth_are_no_images_of_the_saliency(tmp_path):
    metrics, _ = score(tmp_path, {"t": np.full_like(TRUTH, 255), "v": TRUTH})

    assert "saliency" not in set(metrics.subject)


def test_without_masks_the_tables_have_their_header_alone(tmp_path):
    metrics, per_class = score(tmp_path, {})

    assert metrics.empty
    assert metrics.columns.tolist() == evaluate.METRIC_COLUMNS
    assert per_class.empty


def test_images_without_a_mask_are_left_out_and_not_counted(tmp_path):
    metrics, _ = score(tmp_path, {"v": TRUTH})

    assert set(metrics.subject) == {"predictions"}


def test_labels_of_another_size_than_the_mask_are_one_sentence_and_no_table(tmp_path):
    tall = TRUTH.reshape(2, 2)

    with pytest.raises(UserError, match=r"l\.h5: the map of image 't' has 4 x 1 .* where 2 x 2"):
        score(tmp_path, {"t": tall})

    assert not (tmp_path / "metrics.csv").exists()
