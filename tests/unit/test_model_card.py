import os
import shutil
from pathlib import Path

import pytest

from auxseg.model_card import as_markdown, model_card
from auxseg.nn.weights import load_network
from auxseg.report.tables import percent, read_text_table
from tests.unit.one_round import predict_round, score, train_round

pytestmark = pytest.mark.slow

UNTOLD = "Not known: nothing beside the weights tells."
EVERYTHING = {
    "Image labels", "First labels", "CAMs", "Saliency", "Initial weights", "True masks"
}  # fmt: skip


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


@pytest.fixture
def run(finished, tmp_path):
    """A copy of the finished run for a test to spoil."""
    return shutil.copytree(finished, tmp_path / "run")


def card_of(run):
    weights = run / "round0/weights.safetensors"
    return model_card(weights, *load_network(weights))


def test_a_card_needs_nothing_of_a_run_that_tells_nothing_of_its_making(run):
    whole = card_of(run)
    for name in ("round0/predictions.h5", "round1/labels.h5", "round1/saliency.h5"):
        (run / name).unlink()

    assert card_of(run) == whole
    assert UNTOLD not in whole["supervision"].values()


@pytest.mark.parametrize(
    ("lost", "untold"),
    [
        ("index.h5", EVERYTHING),
        ("saliency.h5", {"Saliency"}),
        ("masks.h5", {"True masks"}),
        ("cam.h5", {"CAMs", "True masks"}),
        ("round0/labels.h5", {"First labels", "CAMs", "Saliency", "True masks"}),
        ("classifier/weights.safetensors", {"Initial weights"}),
    ],
)
def test_a_card_says_what_is_not_known(run, lost, untold):
    (run / lost).unlink()
    missing = card_of(run)
    (run / lost).write_bytes(b"damaged")

    assert card_of(run) == missing
    told = missing["supervision"]
    assert {what for what, sentence in told.items() if sentence == UNTOLD} == untold


@pytest.mark.parametrize("content", ["", "epoch,loss\n0,1\n", "round,miou"])
def test_figures_of_others_are_none(run, content):
    (run / "round0/metrics.csv").write_text(content)

    card = card_of(run)

    assert card["metrics"] == []
    assert "Not known: no figures of the network" in as_markdown(card, "net.onnx")


def test_figures_of_other_weights_are_none(run):
    score(run, 0)
    (run / "round0/weights.safetensors").unlink()
    train_round(run, run / "round0", random_seed=5)

    assert card_of(run)["metrics"] == []

    (run / "round0/predictions.h5").unlink()
    assert card_of(run)["metrics"] == []


def test_figures_older_than_the_predictions_are_none(run):
    score(run, 0)
    (run / "round0/predictions.h5").unlink()
    predict_round(run, run / "round0/predictions.h5", use_crf=False)
    written = (run / "round0/predictions.h5").stat().st_mtime_ns
    os.utime(run / "round0/metrics.csv", ns=(written - 1, written - 1))

    assert card_of(run)["metrics"] == []

    score(run, 0)
    assert len(card_of(run)["metrics"]) == 2


def test_a_run_of_another_index_tells_nothing_of_the_weights(run):
    network, description = load_network(run / "round0/weights.safetensors")
    other = {**description, "inputs": {**description["inputs"], "index": "0" * 64}}

    card = model_card(run / "round0/weights.safetensors", network, other)

    assert set(card["supervision"].values()) == {UNTOLD}


def test_a_link_to_weights_has_the_card_of_its_target(run, tmp_path):
    score(run, 0)
    link = tmp_path / "elsewhere/round0/best.safetensors"
    link.parent.mkdir(parents=True)
    link.symlink_to(run / "round0/weights.safetensors")

    card = model_card(link, *load_network(link))

    assert card == card_of(run)
    assert len(card["metrics"]) == 3


def test_a_card_of_weights_outside_a_run_says_that_nothing_is_known(finished, tmp_path):
    weights = Path(shutil.copy(finished / "round0/weights.safetensors", tmp_path))
    network, description = load_network(weights)

    card = model_card(weights, network, {k: v for k, v in description.items() if k != "round"})

    assert set(card["supervision"].values()) == {UNTOLD}
    assert "round\nnot known" in as_markdown(card, "net.onnx")


def test_a_network_that_learnt_from_true_masks_is_said_to_wherever_it_lies(finished, tmp_path):
    weights = Path(shutil.copy(finished / "round0/weights.safetensors", tmp_path))
    network, description = load_network(weights)
    taught = {**description, "options": {**description["options"], "labels": "masks"}}

    card = model_card(weights, network, taught)

    assert card["supervision"]["True masks"].startswith("Trained on")
