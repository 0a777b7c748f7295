"""What the stages themselves leave, networks' too, is what the states expect of them."""

import shutil

import pytest

from auxseg.config import (
    CamOptions,
    ClassifyJob,
    PredictOptions,
    RefineOptions,
    ReportOptions,
    SeedOptions,
    TrainJob,
)
from auxseg.runtime import Runtime
from auxseg.stages import cam, classify, predict, refine, report, seed, train
from tests.unit.status.finished_run import BEFORE, FIRST, not_done, rows, score


@pytest.mark.slow
def test_what_the_stages_themselves_leave_is_done(tiny_run, tmp_path):
    model = {"backbone": "test_efficientnet", "weights": "none"}
    training = {"epochs": 1, "batch_size": 4, "crop_size": 48}
    for artifact in sorted(tiny_run.glob("*.h5")):
        shutil.copy2(artifact, tmp_path)
    read = {name: tmp_path / f"{name}.h5" for name in ("index", "saliency")}
    start, here, after = (tmp_path / name for name in ("classifier", "round0", "round1"))
    saved = {"weights": start / "weights.safetensors", "runtime": Runtime()}
    network = {"weights": here / "weights.safetensors", "runtime": Runtime()}

    job = ClassifyJob(**training, model=model)
    classify.run(job, index=read["index"], history=start / "history.csv", **saved)
    cam.run(CamOptions(scales=(1.0,)), index=read["index"], cam=tmp_path / "cam.h5", **saved)
    seed.run(SeedOptions(), **read, cam=tmp_path / "cam.h5", labels=here / "labels.h5")
    train.run(
        TrainJob.model_validate({**training, "model": {**model, "dense_channels": 8}}),
        **read,
        labels=here / "labels.h5",
        initial_weights=saved["weights"],
        history=here / "history.csv",
        **network,
    )
    labels = {"labels": after / "labels.h5", "refined_saliency": after / "saliency.h5"}
    refine.run(RefineOptions(scales=(1.0,), use_crf=False), **read, **labels, **network)
    predictions = here / "predictions.h5"
    options = PredictOptions(scales=(1.0,), use_crf=False)
    predict.run(options, index=read["index"], predictions=predictions, **network)
    score(tmp_path, 0, predictions=predictions)
    score(tmp_path, 1)
    report.run(
        ReportOptions(panels=1),
        folder=tmp_path,
        rounds=1,
        labelled_rounds=2,
        page=tmp_path / "report/index.html",
    )

    labelled = [("refine", 1), ("evaluate", 1)]
    assert list(rows(tmp_path)) == [*BEFORE, *FIRST, *labelled, ("report", None)]
    assert not_done(tmp_path) == {}
