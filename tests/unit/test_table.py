"""`auxseg table`: the figures of a run on a terminal."""

import re

import pytest
from click.testing import CliRunner

from auxseg.cli import cli
from auxseg.errors import UserError

METRICS = """\
round,subject,split,scales,flip,crf,images,metric,value
0,labels,train,,,,200,precision,0.867
0,labels,train,,,,200,miou,0.513
0,predictions,val,1,False,False,60,miou,0.5
0,predictions,val,0.5 1,True,True,60,miou,0.625
1,labels,train,,,,200,precision,0.873
1,labels,train,,,,200,miou,0.585
"""

TABLE = """\
Predictions, val (60 images), %
round  mIoU, single scale  mIoU, multi-scale + flip + CRF
    0                50.0                            62.5

Pseudo labels, train (200 images), %
round  precision  mIoU
    0       86.7  51.3
    1       87.3  58.5
"""


def test_a_run_is_shown_by_round_in_percent(tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "metrics.csv").write_text(METRICS)
    shown = CliRunner().invoke(cli, ["table", str(tmp_path)], catch_exceptions=False)
    assert shown.output.rstrip("\n") == TABLE.rstrip("\n")


def test_a_run_on_photographs_without_masks_says_that_there_is_nothing_to_show(tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "metrics.csv").write_text(METRICS.splitlines()[0] + "\n")
    shown = CliRunner().invoke(cli, ["table", str(tmp_path)], catch_exceptions=False)
    assert shown.output == "No figures: the data set has no masks to compare with.\n"


def test_a_run_without_a_report_is_a_user_error(tmp_path):
    shown = CliRunner().invoke(cli, ["table", str(tmp_path)])
    assert isinstance(shown.exception, UserError)
    assert "metrics.csv: no such table" in str(shown.exception)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "not a CSV table, or a damaged one"),
        ("\0\xff", "not a CSV table, or a damaged one|no column"),
        (METRICS + "1,predictions,val", "not a CSV table, or a damaged one"),
        ("round,miou\n0,0.5\n", r"\(it has no column crf, flip, images, metric, .*\); delete"),
        (METRICS.partition(",")[2], r"\(it has no column round\); delete the file and run"),
        (METRICS.replace("labels", "sheep"), r"\(it has figures of 'sheep'\)"),
        (METRICS.replace("0.867", "good"), r"\(it has text where numbers are to stand\)"),
        (METRICS.replace("0.5 1,", "half,"), r"\(it has text where numbers are to stand\)"),
        (METRICS.replace("\n1,", "\nlast,"), r"\(it has text where numbers are to stand\)"),
    ],
)
def test_a_table_of_others_is_a_user_error(tmp_path, content, told):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "metrics.csv").write_text(content, encoding="latin-1")

    shown = CliRunner().invoke(cli, ["table", str(tmp_path)])

    assert isinstance(shown.exception, UserError)
    assert re.search(rf"report/metrics\.csv: .*({told})", str(shown.exception))
