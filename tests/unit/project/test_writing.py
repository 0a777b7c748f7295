from pathlib import Path

import yaml

from auxseg.config import FolderOptions
from auxseg.datasets import folder
from auxseg.datasets.record import Dataset, Record
from auxseg.project.writing import comments_of, config_yaml, labels_csv

EXPLAINED = """\
# The demo
run: shapes                        # name of the run
index:
  dataset: shapes                  # which
  folder:                          # your own
    root: my-photos                # where
    list: [1, "# no comment"]
cam:
  scales: [1.0, 2.0]               # to average over
"""


def test_comments_are_known_by_their_keys():
    assert comments_of(EXPLAINED) == {
        ("run",): "name of the run",
        ("index", "dataset"): "which",
        ("index", "folder"): "your own",
        ("index", "folder", "root"): "where",
        ("cam", "scales"): "to average over",
    }


def test_a_configuration_is_written_with_its_comments():
    options = {
        "run": "mine",
        "index": {"folder": {"root": "my pets", "list": []}},
        "cam": {"scales": [0.5, 1.0]},
    }

    assert config_yaml(options, comments_of(EXPLAINED), "Made by hand.\n\n  run it") == (
        """\
# Made by hand.
#
#   run it

run: mine                          # name of the run

index:
  folder:
    root: my pets                  # where
    list: []

cam:
  scales: [0.5, 1.0]               # to average over
"""
    )


def test_odd_values_are_read_as_they_were():
    options = {
        "run": "2026",
        "index": {"folder": {"root": "a: b # c", "list": ["no", "1", "it's", "Bär", "x, y"]}},
        "cam": {"scales": None},
    }

    assert yaml.safe_load(config_yaml(options, {}, "")) == options


def test_a_table_that_was_written_is_read_as_the_same_records(my_photos):
    images = my_photos / "images"
    (images / "zoo").mkdir()
    (images / "tom.jpg").rename(images / 'zoo/a, "b".jpg')
    classes = ("Bär", "polar bear")
    records = (
        Record("both", "test", images / "both.jpg", ()),
        Record("rex", "val", images / "rex.jpg", (0, 1)),
        Record('zoo/a, "b"', "train", images / 'zoo/a, "b".jpg', (1,)),
    )
    for mask in ("tom", "rex", "both"):
        (my_photos / f"masks/{mask}.png").unlink()

    text = labels_csv(Dataset(classes, records), images)
    Path(my_photos / "labels.csv").write_text(text, encoding="utf-8")
    read = folder.load(FolderOptions(root=str(my_photos)))

    assert read.faults == ()
    assert read.classes == classes
    assert read.records == records
