from pathlib import Path

import pytest

from auxseg.ablation import (
    ROWS,
    VARIANTS,
    ablation_table,
    changes_markdown,
    changes_of,
    changes_table,
    compared,
    maker,
    markdown,
    variant_config,
)
from auxseg.config import parse_config, stage_options
from auxseg.errors import UserError

CONFIG = parse_config({"rounds": 2, "model": {"dense_channels": 64}, "ablation": {"seeds": 2}})


def metrics(folder: Path, miou: float) -> None:
    """A metrics.csv as stage evaluate writes it, of one image, single scale and multi-scale."""
    folder.mkdir(parents=True)
    header = "subject,split,scales,flip,crf,images,metric,value"
    rows = [
        "labels,train,,,,1,miou,0.1",
        f"predictions,val,1,False,False,1,miou,{miou}",
        "predictions,val,0.5 1,True,False,1,miou,0.9",
    ]
    (folder / "metrics.csv").write_text("\n".join([header, *rows]) + "\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Figures of every network: 40 % with the first seed and 50 % with the second."""
    for name, variant in VARIANTS.items():
        for seed, miou in ((0, 0.4), (1, 0.5)):
            for number in range(2 if variant.all_rounds else 1):
                metrics(tmp_path / name / str(seed) / f"round{number}", miou)
    return tmp_path


@pytest.mark.parametrize("name", VARIANTS)
def test_a_network_differs_from_the_run_in_what_is_compared_and_nothing_else(name):
    changed = variant_config(CONFIG, name, 7)

    assert changed.random_seed == 7
    assert changed.model.dense_channels == 64
    assert changed.rounds == (2 if name in ("cross-task", "unchanged") else 1)
    for stage in ("index", "saliency", "cam", "seed", "refine"):
        assert stage_options(changed, stage) == stage_options(CONFIG, stage)


def test_the_ceiling_is_the_runs_own_network_trained_on_true_masks_for_as_long_as_all_rounds():
    ceiling = variant_config(CONFIG, "masks", 0)

    assert ceiling.train.labels == "masks"
    assert ceiling.train.epochs == 2 * CONFIG.train.epochs
    assert (ceiling.rounds, ceiling.model, ceiling.predict) == (1, CONFIG.model, CONFIG.predict)


def test_the_first_labels_alone_are_trained_on_for_as_long_as_all_rounds():
    seeds = variant_config(CONFIG, "seeds", 0)

    assert seeds.train.labels == "pseudo"
    assert seeds.train.epochs == 2 * CONFIG.train.epochs
    assert (seeds.rounds, seeds.model, seeds.predict) == (1, CONFIG.model, CONFIG.predict)


def test_all_networks_start_from_one_classifier():
    models = {stage_options(variant_config(CONFIG, n, 0), "classify").model for n in VARIANTS}

    assert models == {stage_options(CONFIG, "classify").model}


def test_every_row_of_the_papers_tables_names_a_network_and_a_round_it_is_trained_in():
    assert {*compared(), "masks", "seeds", "unchanged"} == set(VARIANTS)
    assert all(row.round == 0 or VARIANTS[row.variant].all_rounds for row in ROWS)
    assert [row.published for row in ROWS if row.table == "branches"] == [56.9, 57.6, 59.8, 60.8]


def test_the_table_has_mean_deviation_and_every_seeds_single_scale_figure(folder):
    table = ablation_table(folder, (0, 1), 2)

    assert table.table.unique().tolist() == ["branches", "affinity", "rounds"]
    assert table.row[table.table == "rounds"].tolist() == ["0", "1"]
    first = table.iloc[0]
    assert (first["seed 0"], first["seed 1"]) == pytest.approx((40, 50))
    assert first["mean"] == pytest.approx(45)
    assert first["deviation"] == pytest.approx(50**0.5)


def test_the_page_shows_the_published_figure_beside_ours(folder):
    page = markdown(ablation_table(folder, (0, 1), 2))

    assert "| cross-task, on both | 45.0 +- 7.1 | 64.1 |" in page


def test_a_single_seed_has_no_deviation(folder):
    assert "| none | 40.0 | 60.8 |" in markdown(ablation_table(folder, (0,), 2))


def test_figures_that_are_missing_are_named(tmp_path):
    with pytest.raises(UserError, match=r"seg/0/round0/metrics\.csv: no such table"):
        ablation_table(tmp_path, (0,), 1)


def with_changes(**changes):
    return parse_config({"rounds": 2, "ablation": {"changes": changes}})


def test_a_change_sets_its_keys_and_leaves_their_neighbours():
    config = with_changes(gentle={"train": {"epochs": 3}, "refine": {"crf": {"iterations": 4}}})

    changed = variant_config(config, "gentle", 7)

    assert changes_of(config) == ["unchanged", "gentle"]
    assert (changed.train.epochs, changed.refine.crf.iterations) == (3, 4)
    assert changed.train.crop_size == config.train.crop_size
    assert changed.refine.crf.bilateral_srgb == config.refine.crf.bilateral_srgb
    assert (changed.rounds, changed.random_seed, changed.predict) == (2, 7, config.predict)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        (
            "ema",
            {"train": {"ema_decai": 0.9}},
            r"changes\.ema\.train\.ema_decai: .*'ema_decay'",
        ),
        ("Ema", {}, "'Ema' cannot be a name; use small letters"),
        ("one", {"model": {"backbone": "x"}}, "backbone would change the classifier"),
        ("one", {"classify": {"epochs": 3}}, r"changes\.one\.classify: unknown key"),
    ],
)
def test_a_change_that_cannot_be_is_told(name, change, words):
    with pytest.raises(UserError, match=words):
        with_changes(**{name: change})


def test_a_change_does_not_take_the_name_of_another_network():
    with pytest.raises(UserError, match="masks: a network of the other comparisons has this name"):
        changes_of(with_changes(masks={"train": {"epochs": 3}}))


def test_a_change_that_changes_nothing_is_told():
    with pytest.raises(UserError, match=r"changes\.same: changes nothing; set a key"):
        changes_of(with_changes(same={"train": {"epochs": CONFIG.train.epochs}}))


def test_the_faults_of_all_changes_are_told_at_once():
    with pytest.raises(
        UserError, match=r"(?s)2 faults.*changes\.a\.train\.x.*changes\.b\.train\.y"
    ):
        with_changes(a={"train": {"x": 1}}, b={"train": {"y": 1}})


def test_without_true_masks_the_page_of_changes_has_no_figures(tmp_path):
    for name in ("unchanged", "ema"):
        metrics(tmp_path / name / "0" / "round0", 0.4)
        table = tmp_path / name / "0" / "round0" / "metrics.csv"
        table.write_text(table.read_text().splitlines()[0] + "\n")

    page = changes_markdown(
        changes_table(tmp_path, {"unchanged": 1, "ema": 1}, (0,)), {"unchanged": 1, "ema": 1}
    )

    assert page.splitlines()[-2:] == ["| unchanged |", "| ema |"]


def test_what_a_change_leaves_alone_is_not_made_again():
    config = with_changes(
        rate={"train": {"learning_rate": 0.1}},
        own={"refine": {"labels_from": "segmentation"}},
        crf={"predict": {"use_crf": False}},
        afresh={"train": {"start_from": "classifier"}},
    )

    def makers(artifact, name, seed):
        return [maker(config, artifact, name, seed, number) for number in (0, 1)]

    assert makers("weights", "unchanged", 0) == makers("predictions", "unchanged", 0) == ["", ""]
    assert makers("weights", "unchanged", 1) == ["unchanged", "unchanged"]
    assert makers("weights", "rate", 0) == ["rate", "rate"]
    assert makers("weights", "own", 0) == ["", "own"]
    assert makers("weights", "own", 1) == ["unchanged", "own"]
    assert makers("labels", "own", 1)[1] == "own"
    assert makers("predictions", "own", 1) == ["unchanged", "own"]
    assert makers("weights", "crf", 1) == ["unchanged", "unchanged"]
    assert makers("predictions", "crf", 1) == ["crf", "crf"]
    assert makers("weights", "afresh", 0) == makers("predictions", "afresh", 0) == ["", "afresh"]
    assert makers("labels", "afresh", 0) == ["", ""]


def test_what_two_changes_have_in_common_is_made_once():
    config = with_changes(
        ema={"train": {"ema_decay": 0.9}},
        plain={"train": {"ema_decay": 0.9}, "predict": {"use_crf": False}},
    )

    assert maker(config, "weights", "plain", seed=0, round_number=1) == "ema"
    assert maker(config, "labels", "plain", seed=1, round_number=1) == "ema"
    assert maker(config, "predictions", "plain", seed=0, round_number=1) == "plain"


def test_changes_are_compared_in_every_round_and_the_page_shows_the_last(tmp_path):
    for name, lift in (("unchanged", 0.0), ("ema", 0.1)):
        for seed, miou in ((0, 0.4), (1, 0.5)):
            for number in range(2):
                metrics(tmp_path / name / str(seed) / f"round{number}", miou + lift * number)

    table = changes_table(tmp_path, {"unchanged": 2, "ema": 2}, (0, 1))

    single = table[(table.variant == "single scale") & (table.network == "ema")]
    assert single["mean"].tolist() == pytest.approx([45, 55])
    assert single["seed 1"].tolist() == pytest.approx([50, 60])
    page = changes_markdown(table, {"unchanged": 2, "ema": 2}).splitlines()
    assert page[0].endswith("seeds: 2.")
    assert page[2].startswith("| network | Pseudo labels | Predictions, single scale | Predictions")
    assert "| ema | 10.0 +- 0.0 | 55.0 +- 7.1 | 90.0 +- 0.0 |" in page


def test_an_unknown_network_is_answered_with_the_nearest_known_one():
    config = with_changes(ema={"train": {"ema_decay": 0.9}})

    with pytest.raises(UserError, match=r"'emma' is no network .*did you mean 'ema'"):
        variant_config(config, "emma", 0)
