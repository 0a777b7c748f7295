"""config.yaml, whole, and what each stage reads of it."""

import re
from typing import Any

from pydantic import Field, field_validator, model_validator

from auxseg.config.base import Section
from auxseg.config.data import IndexOptions, SaliencyOptions
from auxseg.config.labels import CamOptions, PredictOptions, RefineOptions, SeedOptions
from auxseg.config.training import (
    LARGEST_SEED,
    BackboneOptions,
    ClassifyJob,
    ClassifyOptions,
    ModelOptions,
    TrainJob,
    TrainOptions,
)


class EvaluateOptions(Section):
    """Figures of each round, where masks exist."""

    saliency: bool = Field(True, description="score saliency maps too (MAE, max-F, S-measure)")


class ReportOptions(Section):
    """The page that shows a run."""

    title: str = Field("AuxSegNet run", description="the page's heading")
    panels: int = Field(8, ge=0, description="picture panels of each split, as files for print")
    gallery: int = Field(
        100, ge=0, description="images of each split to browse on the page, about 0.1 MB each"
    )
    affinities: int = Field(
        6, ge=0, description="of these, images of each split whose affinity can be looked at"
    )


class NetworkChange(Section):
    """What a network of target `changes` does otherwise than the run's: keys of these sections."""

    model: dict[str, Any] = Field({}, description="but for the backbone, which all share")
    train: dict[str, Any] = Field({}, description="multi-task training")
    refine: dict[str, Any] = Field({}, description="pseudo labels of later rounds")
    predict: dict[str, Any] = Field({}, description="inference")

    @field_validator("model", "train", "refine", "predict", mode="before")
    @classmethod
    def _nothing_may_be_null(cls, section: Any) -> Any:
        return {} if section is None else section

    @field_validator("model")
    @classmethod
    def _one_classifier_for_all(cls, model: dict[str, Any]) -> dict[str, Any]:
        if shared := sorted(model.keys() & BackboneOptions.model_fields.keys()):
            raise ValueError(
                f"{', '.join(shared)} would change the classifier, which all networks share; "
                f"compare runs of their own instead"
            )
        return model


class AblationOptions(Section):
    """The paper's ablation, by target `ablation`, and one of your own, by target `changes`."""

    seeds: int = Field(3, ge=1, description="trainings of each network, from random_seed on")
    changes: dict[str, NetworkChange] = Field(
        {}, description="a name -> what it changes in `model`, `train`, `refine`, `predict`"
    )

    @field_validator("changes")
    @classmethod
    def _names_are_folders(cls, changes: dict[str, NetworkChange]) -> dict[str, NetworkChange]:
        for name in changes:
            if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
                raise ValueError(
                    f"{name!r} cannot be a name; use small letters, digits and '-', a letter first"
                )
        return changes


class Config(Section):
    """config.yaml, whole."""

    run: str = Field("shapes", description="name of the run: its artifacts go to results/{run}")
    rounds: int = Field(3, ge=1, le=20, description="trainings of the multi-task network")
    random_seed: int = Field(
        0, ge=0, le=LARGEST_SEED, description="of initialisation, order and augmentation"
    )
    shards: int = Field(
        1, ge=1, le=10_000, description="jobs that share a stage's images, to spread over a cluster"
    )
    index: IndexOptions = Field(IndexOptions.model_validate({}), description="data")
    saliency: SaliencyOptions = Field(SaliencyOptions(), description="coarse saliency")
    model: ModelOptions = Field(ModelOptions(), description="network")
    classify: ClassifyOptions = Field(ClassifyOptions(), description="classifier")
    cam: CamOptions = Field(CamOptions(), description="class activation maps")
    seed: SeedOptions = Field(SeedOptions(), description="first pseudo labels")
    train: TrainOptions = Field(TrainOptions(), description="multi-task training")
    refine: RefineOptions = Field(RefineOptions(), description="next pseudo labels")
    predict: PredictOptions = Field(PredictOptions(), description="inference")
    evaluate: EvaluateOptions = Field(EvaluateOptions(), description="figures")
    report: ReportOptions = Field(ReportOptions(), description="page")
    ablation: AblationOptions = Field(AblationOptions(), description="the paper's tables")

    @property
    def labelled_rounds(self) -> int:
        """Rounds with pseudo labels: every training's own, and those that its network makes."""
        return self.rounds + int(self._network_makes_labels)

    @property
    def _network_makes_labels(self) -> bool:
        return self.model.has_classification or self.refine.labels_from == "segmentation"

    @model_validator(mode="after")
    def _later_rounds_need_labels(self) -> "Config":
        if self.rounds > 1 and not self._network_makes_labels:
            raise ValueError(
                f"rounds: {self.rounds} rounds refine the network's CAMs, which model.branches "
                f"{self.model.branches!r} has not; set branches to 'all' or 'seg+cls', "
                f"refine.labels_from to 'segmentation', or rounds to 1"
            )
        return self

    @model_validator(mode="after")
    def _seeds_of_comparisons_are_seeds(self) -> "Config":
        last = self.random_seed + self.ablation.seeds - 1
        if last > LARGEST_SEED:
            raise ValueError(
                f"ablation.seeds: {self.ablation.seeds} from random_seed {self.random_seed} on end "
                f"at {last}, above {LARGEST_SEED}; lower one of them"
            )
        return self

    @field_validator("run", mode="before")
    @classmethod
    def _run_keeps_its_spelling(cls, run: Any) -> Any:
        if not isinstance(run, (str, int)) or isinstance(run, bool):
            raise ValueError(
                f"YAML reads it as {run!r}, and its spelling is lost (1.10 becomes 1.1); let the "
                f"name begin with a letter"
            )
        return run

    @field_validator("run")
    @classmethod
    def _run_is_a_folder_name(cls, run: str) -> str:
        if not re.fullmatch(r"\w[\w.-]*", run):
            raise ValueError(f"{run!r} is not a folder name; use letters, digits, '-', '_', '.'")
        return run


STAGE_OPTIONS: dict[str, type[Section]] = {
    "index": IndexOptions,
    "masks": IndexOptions,
    "saliency": SaliencyOptions,
    "classify": ClassifyJob,
    "cam": CamOptions,
    "seed": SeedOptions,
    "train": TrainJob,
    "refine": RefineOptions,
    "predict": PredictOptions,
    "evaluate": EvaluateOptions,
    "report": ReportOptions,
}


def stage_options(config: Config, stage: str, **used: bool) -> Section:
    """What `stage` reads of the configuration, and nothing else.

    Args:
        config: the whole.
        stage: its name.
        used: of what is used in some of its jobs alone, what is used: see the section's `narrowed`.
    """
    section = getattr(config, "index" if stage == "masks" else stage).narrowed(**used)
    if stage == "classify":
        backbone = config.model.model_dump(include=set(BackboneOptions.model_fields))
        return ClassifyJob(
            **section.model_dump(),
            model=BackboneOptions(**backbone),
            random_seed=config.random_seed,
        )
    if stage == "train":
        return TrainJob(**section.model_dump(), model=config.model, random_seed=config.random_seed)
    return section
