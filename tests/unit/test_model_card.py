import shutil

import pytest

from auxseg.model_card import as_markdown, model_card
from auxseg.nn.weights import load_network
from auxseg.report.tables import percent, read_text_table
from tests.unit.one_round import score

pytestmark = pytest.mark.slow


def test_the_card_of_a_runs_network_has_its_figures_and_what_supervised_it(finished, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    first = run / "round0"
    score(run, 0)
    weights = first / "weights.safetensors"

    card = model_card(weights, *load_network(weights))

    table = read_text_table(first / "metrics.csv")
    scored = table[(table["subject"] == "predictions") & (table["metric"] == "miou")]
    assert [m["miou"] for m in card["metrics"]] == scored["value"].tolist()
    assert card["metrics"][0]["variant"] == "single scale"
    assert "known from generating the scenes" in card["supervision"]["Image labels"]
    page = as_markdown(card, "net.onnx")
    assert f"| val | single scale | 6 | {percent(scored['value'].iloc[0])} |" in page
    assert "- True masks: Read for the figures" in page
