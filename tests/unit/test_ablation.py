from pathlib import Path

import pytest

from auxseg.ablation import ROWS, VARIANTS, ablation_table, compared, markdown, variant_config
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
    assert changed.rounds == (2 if name == "cross-task" else 1)
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
    assert {*compared(), "masks", "seeds"} == set(VARIANTS)
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
