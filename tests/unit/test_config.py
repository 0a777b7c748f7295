"""The typed configuration: what it refuses, in which words, and what each stage gets of it."""

import datetime
import json

import pytest

from auxseg.config import (
    STAGE_OPTIONS,
    Config,
    ReportOptions,
    parse_config,
    parse_stage_options,
    refuse_repeated_keys,
    stage_options,
    to_json,
)
from auxseg.config.keys import keys_of
from auxseg.errors import UserError


def fault_of(values):
    with pytest.raises(UserError) as raised:
        parse_config(values)
    return str(raised.value)


def options_of(stage, **values):
    return to_json(stage_options(parse_config(values), stage))


def test_an_empty_configuration_is_the_defaults():
    assert parse_config({}) == Config()


def test_a_misspelt_key_is_answered_with_the_nearest_known_one():
    assert "train.epoch: unknown key (did you mean 'epochs'?)" in fault_of({"train": {"epoch": 3}})


def test_a_misspelt_section_is_answered_with_the_nearest_known_one():
    assert "clasify: unknown key (did you mean 'classify'?)" in fault_of({"clasify": {}})


def test_a_key_without_a_near_one_is_answered_with_all_that_are_known():
    fault = fault_of({"evaluate": {"xyzzy": 1}})
    assert "evaluate.xyzzy: unknown key; known keys: saliency" in fault


def test_a_misspelt_key_of_a_data_set_is_answered_with_the_nearest_known_one():
    fault = fault_of({"index": {"dataset": "voc", "voc": {"rot": "there"}}})
    assert "index.voc.rot: unknown key (did you mean 'root'?)" in fault


def test_no_rounds_at_all_are_refused():
    fault = fault_of({"rounds": 0})
    assert "rounds: 0 is not allowed: input should be greater than or equal to 1" in fault


def test_an_empty_list_of_scales_is_refused():
    assert "cam.scales: [] is not allowed: tuple should have at least 1 item" in fault_of(
        {"cam": {"scales": []}}
    )


def test_a_word_where_a_number_belongs_is_refused():
    fault = fault_of({"train": {"learning_rate": "fast"}})
    assert "train.learning_rate: 'fast' is not allowed: input should be a valid number" in fault


def test_a_number_where_a_section_belongs_is_refused():
    assert "seed: 7 is not allowed" in fault_of({"seed": 7})


def test_an_unknown_output_stride_is_refused_with_the_known_ones():
    assert "model.output_stride: 4 is not allowed: input should be 8 or 16" in fault_of(
        {"model": {"output_stride": 4}}
    )


@pytest.mark.parametrize("run", ["", ".hidden", "../up", "two words", "a/b", "{round}"])
def test_a_run_that_is_no_plain_folder_name_is_refused(run):
    assert "is not a folder name" in fault_of({"run": run})


@pytest.mark.parametrize("key", ["gaussian_sxy", "bilateral_sxy", "bilateral_srgb"])
def test_kernels_that_would_crash_pydensecrf_are_refused(key):
    fault = fault_of({"predict": {"crf": {key: 1e-12}}})

    assert f"predict.crf.{key}: 1e-12 is not allowed" in fault


def test_an_onnx_source_without_a_model_is_refused():
    assert "needs saliency.onnx.model" in fault_of({"saliency": {"source": "onnx"}})


def test_an_affinity_without_its_branch_is_refused():
    assert "needs the saliency branch" in fault_of({"model": {"branches": "seg"}})


def test_sizes_and_scales_in_the_wrong_order_are_refused():
    fault = fault_of({"index": {"shapes": {"min_size": 90, "max_size": 60}}})
    assert "min_size 90 is above max_size 60" in fault
    assert "min_scale 3.0 is above max_scale 1.3" in fault_of({"train": {"min_scale": 3}})


def test_all_faults_are_listed_at_once():
    fault = fault_of({"rounds": 0, "cam": {"scales": []}, "typo": 1})
    assert "3 faults" in fault


def test_values_given_as_text_mean_the_same():
    text = {
        "train": {"learning_rate": "0.002", "flip": "true"},
        "model": {"output_stride": "16"},
        "cam": {"scales": ["0.5", "1", "1.5", "2"]},
        "index": {"shapes": {"train": "200"}},
        "saliency": {"maps": "null"},
    }
    assert parse_config(text) == Config()


def test_a_key_that_stands_twice_is_refused():
    text = (
        "train: {epochs: 2}\nindex:\n  voc: {root: a}\n  voc: {root: b}\ntrain: {batch_size: 4}\n"
    )

    with pytest.raises(UserError) as raised:
        refuse_repeated_keys(text, "mine.yaml")

    assert str(raised.value) == (
        "mine.yaml is not valid: 2 faults\n"
        "  - index.voc: stands in lines 3 and 4; make them one\n"
        "  - train: stands in lines 1 and 5; make them one"
    )
    with pytest.raises(UserError, match="--options is not valid"):
        parse_stage_options("train", "{epochs: 2, epochs: 3}")


@pytest.mark.parametrize("run", [1.1, datetime.date(2026, 1, 2), True, None, ["a"]])
def test_a_run_whose_spelling_yaml_loses_is_refused(run):
    assert "let the name begin with a letter" in fault_of({"run": run})


def test_a_run_named_by_a_number_is_a_name():
    assert parse_config({"run": 2026}).run == "2026"


def test_the_index_gets_the_options_of_the_chosen_data_set_alone():
    other = {"index": {"dataset": "shapes", "voc": {"root": "elsewhere"}}}
    assert options_of("index", **other) == options_of("index")


def test_saliency_from_files_ignores_the_options_of_the_onnx_model():
    assert options_of("saliency", saliency={"onnx": {"size": 64}}) == options_of("saliency")


def test_the_classifier_ignores_what_only_the_network_reads():
    assert options_of("classify", model={"affinity": "none"}) == options_of("classify")
    assert options_of("classify", model={"output_stride": 8}) != options_of("classify")


def test_the_seed_of_random_numbers_reaches_both_trainings_and_nothing_else():
    readers = {s for s in STAGE_OPTIONS if options_of(s, random_seed=1) != options_of(s)}
    assert readers == {"classify", "train"}


@pytest.mark.parametrize("stage", STAGE_OPTIONS)
def test_options_survive_the_way_through_the_command_line(stage):
    options = stage_options(parse_config({}), stage)
    assert parse_stage_options(stage, to_json(options)) == options


def test_equal_options_are_equal_texts():
    assert options_of("cam", cam={"scales": [1]}) == options_of("cam", cam={"scales": [1.0]})


def test_options_from_a_file_are_those_of_the_mapping(tmp_path):
    file = tmp_path / "seed.yaml"
    file.write_text(json.dumps({"cam_threshold": 0.4}))
    assert parse_stage_options("seed", str(file)).cam_threshold == 0.4


@pytest.mark.parametrize("text", ["[1, 2]", "just words", "{unclosed: "])
def test_options_that_are_no_mapping_are_refused(text):
    with pytest.raises(UserError, match="--options"):
        parse_stage_options("seed", text)


def test_rounds_without_a_classification_branch_are_refused():
    with pytest.raises(UserError, match="rounds: 2 rounds refine the network's CAMs"):
        parse_config({"rounds": 2, "model": {"branches": "seg", "affinity": "none"}})


def test_labels_from_segmentation_allow_rounds_without_a_classification_branch():
    plain = {"rounds": 2, "model": {"branches": "seg", "affinity": "none"}}
    config = parse_config({**plain, "refine": {"labels_from": "segmentation"}})

    assert config.labelled_rounds == 3


@pytest.mark.parametrize(
    ("labels_from", "idle"),
    [
        ("cam", {"segmentation": {"saliency_share": 0.9}}),
        ("both", {"segmentation": {"saliency_share": 0.9}}),
        ("segmentation", {"cam_threshold": 0.9}),
    ],
)
def test_refine_does_not_read_the_options_of_labels_that_it_does_not_make(labels_from, idle):
    plain = parse_config({"refine": {"labels_from": labels_from}})
    other = parse_config({"refine": {"labels_from": labels_from, **idle}})

    assert stage_options(plain, "refine") == stage_options(other, "refine")


def test_a_network_without_classification_leaves_no_labels_after_the_last_round():
    plain = parse_config({"rounds": 1, "model": {"branches": "seg", "affinity": "none"}})

    assert plain.labelled_rounds == 1
    assert parse_config({"rounds": 3}).labelled_rounds == 4


@pytest.mark.parametrize("key, value", [("frozen_stride", 8), ("output_stride", 8)])
def test_numbers_given_as_text_are_the_numbers(key, value):
    assert getattr(parse_config({"model": {key: str(value)}}).model, key) == value


def test_long_options_on_the_command_line_are_not_taken_for_a_file():
    text = "title: " + "a" * 5000

    assert parse_stage_options("report", text).title == "a" * 5000


def test_letters_beyond_the_basic_plane_reach_a_stage():
    options = ReportOptions(title="Cats 😀 𠮷")

    assert parse_stage_options("report", to_json(options)) == options


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("run", "text"),
        ("rounds", "integer ≥ 1, ≤ 20"),
        ("index.longest_side", "integer ≥ 32 or null"),
        ("index.voc.classes", "list of texts or null"),
        ("saliency.onnx.std", "list of 3 numbers > 0"),
        ("cam.scales", "list of numbers > 0, ≤ 4"),
        ("train.momentum", "number ≥ 0, < 1"),
        ("train.padding", ""),
    ],
)
def test_what_a_key_takes_is_told_in_words(name, kind):
    (key,) = (key for key in keys_of(Config) if key.name == name)

    assert key.kind == kind


def test_a_key_with_few_values_tells_them():
    choices = {key.name: key.choices for key in keys_of(Config)}

    assert choices["train.padding"] == ("ignored", "background")
    assert choices["train.flip"] == (True, False)
    assert choices["model.output_stride"] == (8, 16)


def test_a_misspelt_key_of_a_change_is_answered_with_the_nearest_known_one():
    changes = {"ema": {"trian": {"ema_decay": 0.9}}}

    fault = fault_of({"ablation": {"changes": changes}})

    assert "ablation.changes.ema.trian: unknown key (did you mean 'train'?)" in fault


def test_seeds_of_comparisons_beyond_the_last_are_refused():
    assert (
        "ablation.seeds: 3 from random_seed 999999 on end at 1000001, above 1000000; lower one"
    ) in fault_of({"random_seed": 999_999})


def test_the_share_of_saliency_is_for_known_classes_alone():
    config = parse_config({"predict": {"saliency_share": 0.1}})

    assert stage_options(config, "predict") == stage_options(Config(), "predict")
    assert stage_options(config, "predict", known_classes=True).saliency_share == 0.1
