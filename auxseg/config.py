"""The typed configuration: every key's default, bounds and meaning stand here and nowhere else.

`Config` is the whole of config.yaml. A stage never sees it: `stage_options` gives each stage its
own section together with the few keys of other sections it reads, so that a changed key reruns
exactly the stages that depend on it.
"""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from auxseg.errors import did_you_mean, listing

Threshold = Annotated[float, Field(ge=0, le=1)]
Scales = Annotated[tuple[Annotated[float, Field(gt=0, le=4)], ...], Field(min_length=1)]
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


def _whole_number(value: Any) -> Any:
    """Snakemake's --config hands over every nested value as text."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


OutputStride = Annotated[Literal[8, 16], BeforeValidator(_whole_number)]
FrozenStride = Annotated[Literal[1, 2, 4, 8], BeforeValidator(_whole_number)]


class Section(BaseModel):
    """A frozen part of the configuration that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def _null_may_be_text(cls, values: Any) -> Any:
        if isinstance(values, dict):
            return {key: None if value == "null" else value for key, value in values.items()}
        return values


# --- data -----------------------------------------------------------------------------------------


class ShapesOptions(Section):
    """Generated scenes of six part-recognisable classes: the embedded data set."""

    root: str = Field("data", description="folder in which the generated data sets are kept")
    train: int = Field(200, ge=1, description="training images")
    val: int = Field(60, ge=1, description="evaluation images")
    min_size: int = Field(128, ge=32, description="shortest image side, pixels")
    max_size: int = Field(160, ge=32, description="longest image side, pixels")
    seed: int = Field(0, ge=0, description="seed of the generator")

    @model_validator(mode="after")
    def _sizes_in_order(self) -> "ShapesOptions":
        if self.min_size > self.max_size:
            raise ValueError(f"min_size {self.min_size} is above max_size {self.max_size}")
        return self


class VocOptions(Section):
    """A data set in the layout of PASCAL VOC (VOCdevkit/VOC2012)."""

    root: str = Field("VOCdevkit/VOC2012", description="folder with JPEGImages/, ImageSets/, ...")
    train_list: str = Field("train_aug", description="list in ImageSets/Segmentation to train on")
    val_list: str = Field("val", description="list in ImageSets/Segmentation to evaluate on")
    labels: Literal["xml", "csv", "masks"] = Field(
        "xml", description="where image-level labels come from: Annotations/, a CSV, or the masks"
    )
    labels_csv: str = Field(
        "labels.csv", description="the CSV (image,classes), relative to root, for labels: csv"
    )
    classes: tuple[str, ...] | None = Field(
        None, description="the classes to learn, in VOC's names; null = all 20"
    )


class CocoOptions(Section):
    """A data set in the layout of MS COCO."""

    root: str = Field("coco", description="folder with the image folders and annotations/")
    train_images: str = Field("train2014", description="folder of training images, under root")
    val_images: str = Field("val2014", description="folder of evaluation images, under root")
    train_annotations: str = Field(
        "annotations/instances_train2014.json", description="training instances, under root"
    )
    val_annotations: str = Field(
        "annotations/instances_val2014.json", description="evaluation instances, under root"
    )
    classes: Literal["categories", "supercategories"] = Field(
        "categories", description="the 80 categories, or the 12 supercategories they group into"
    )


class FolderOptions(Section):
    """Your own photographs: images/, labels.csv and, for evaluation, masks/."""

    root: str = Field("my-photos", description="folder with images/, labels.csv, optional masks/")
    classes: tuple[str, ...] | None = Field(
        None,
        description="class names in the order of the masks' indices 1, 2, ...; "
        "null = all of labels.csv, sorted",
    )


class IndexOptions(Section):
    """Which photographs, and what is known of them."""

    dataset: Literal["shapes", "voc", "coco", "folder"] = Field(
        "shapes", description="the data set's layout; its options stand under the same name"
    )
    longest_side: int | None = Field(
        None,
        ge=32,
        description="larger photographs are scaled down to it, pixels; null = none is",
    )
    shapes: ShapesOptions | None = Field(None, description="options of dataset: shapes")
    voc: VocOptions | None = Field(None, description="options of dataset: voc")
    coco: CocoOptions | None = Field(None, description="options of dataset: coco")
    folder: FolderOptions | None = Field(None, description="options of dataset: folder")

    @model_validator(mode="before")
    @classmethod
    def _default_options_of_the_chosen(cls, values: Any) -> Any:
        if isinstance(values, dict):
            chosen = values.get("dataset", "shapes")
            if chosen in ("shapes", "voc", "coco", "folder") and values.get(chosen) is None:
                return {**values, chosen: {}}
        return values

    def narrowed(self) -> "IndexOptions":
        """Only the chosen data set's options: the others' must not rerun anything."""
        return IndexOptions.model_validate(
            {
                "dataset": self.dataset,
                "longest_side": self.longest_side,
                self.dataset: getattr(self, self.dataset),
            }
        )


# --- saliency -------------------------------------------------------------------------------------


class OnnxOptions(Section):
    """How a U2-Net-family ONNX model wants its input."""

    model: str | None = Field(None, description="the ONNX file, for source: onnx")
    size: int = Field(320, ge=32, description="input height and width, pixels")
    mean: tuple[float, float, float] = Field(
        (0.485, 0.456, 0.406), description="subtracted from RGB in [0, 1]"
    )
    std: tuple[float, float, float] = Field((0.229, 0.224, 0.225), description="divided by")
    divide_by_max: bool = Field(
        True, description="scale RGB by the image's own maximum (U2-Net) instead of 255"
    )
    flip: bool = Field(False, description="average with the mirrored image")


class SaliencyOptions(Section):
    """Coarse, class-agnostic saliency maps of the training images."""

    source: Literal["maps", "onnx", "u2netp"] = Field(
        "maps", description="maps from files, or from an ONNX model (u2netp: the packaged one)"
    )
    maps: str | None = Field(
        None,
        description="folder of PNG/JPG maps named as the images; null = those of the data set",
    )
    onnx: OnnxOptions = Field(OnnxOptions(), description="the model, for onnx and u2netp")

    @model_validator(mode="after")
    def _onnx_needs_a_model(self) -> "SaliencyOptions":
        if self.source == "onnx" and self.onnx.model is None:
            raise ValueError("source 'onnx' needs saliency.onnx.model: the path of an ONNX file")
        return self


# --- network and training -------------------------------------------------------------------------


class BackboneOptions(Section):
    """The feature extractor shared by the classifier and the multi-task network."""

    backbone: str = Field(
        "tf_efficientnet_lite0",
        description="a timm model name, or torchvision/resnet50, torchvision/resnet101",
    )
    output_stride: OutputStride = Field(16, description="input pixels per feature pixel")
    weights: str = Field(
        "imagenet",
        description="imagenet (the packaged or locally cached weights), none (random), "
        "or the path of a .safetensors / .pth state dict",
    )
    freeze_batch_norm: bool = Field(
        True, description="batch norm keeps its statistics and affine terms (as published)"
    )
    frozen_stride: FrozenStride = Field(
        1, description="layers up to this stride stay as loaded; 1 = none"
    )


class ModelOptions(BackboneOptions):
    """The multi-task network (METHOD sec. 1)."""

    branches: Literal["seg", "seg+cls", "seg+sal", "all"] = Field(
        "all", description="tasks beside segmentation: classification, saliency, or both"
    )
    affinity: Literal["none", "seg", "sal", "cross-task"] = Field(
        "cross-task", description="which affinity refines the dense predictions"
    )
    dense_channels: int = Field(128, ge=8, description="D, channels of the dense branches")

    @property
    def has_classification(self) -> bool:
        """Whether the network has class logits and CAMs."""
        return self.branches in ("seg+cls", "all")

    @model_validator(mode="after")
    def _affinity_has_its_branch(self) -> "ModelOptions":
        if self.affinity in ("sal", "cross-task") and self.branches not in ("seg+sal", "all"):
            raise ValueError(
                f"affinity {self.affinity!r} needs the saliency branch; "
                f"set branches to 'seg+sal' or 'all', or affinity to 'none' or 'seg'"
            )
        return self


class TrainingOptions(Section):
    """What the classifier and the multi-task network share in training (METHOD sec. 3)."""

    epochs: int = Field(10, ge=1, description="passes over the training images")
    batch_size: int = Field(8, ge=1, description="images a step")
    learning_rate: float = Field(2e-3, gt=0, description="initial rate of the backbone")
    head_rate_factor: float = Field(10.0, gt=0, description="rate of new layers / backbone's")
    momentum: float = Field(0.9, ge=0, lt=1, description="of SGD")
    weight_decay: float = Field(1e-4, ge=0, description="L2 penalty")
    poly_power: float = Field(0.9, ge=0, description="rate = initial * (1 - step/steps)^power")
    crop_size: int = Field(224, ge=32, description="side of the square training crop, pixels")
    min_scale: float = Field(0.7, gt=0, description="smallest random scale, of each image")
    max_scale: float = Field(1.3, gt=0, description="largest random scale, of each image")
    flip: bool = Field(True, description="mirror every other image")
    color_jitter: Threshold = Field(
        0.3, description="strength of random brightness, contrast and saturation"
    )
    clip_gradient: float = Field(10.0, ge=0, description="largest gradient norm; 0 = no limit")
    precision: Precision = Field("32-true", description="Fabric's name of the number format")

    @model_validator(mode="after")
    def _scales_in_order(self) -> "TrainingOptions":
        if self.min_scale > self.max_scale:
            raise ValueError(f"min_scale {self.min_scale} is above max_scale {self.max_scale}")
        return self


class ClassifyOptions(TrainingOptions):
    """Training of the classification branch alone."""


class TrainOptions(TrainingOptions):
    """Training of the multi-task network in every round."""

    classification_weight: float = Field(1.0, ge=0, description="of the classification loss")
    saliency_weight: float = Field(1.0, ge=0, description="of both saliency losses")
    segmentation_weight: float = Field(1.0, ge=0, description="of both segmentation losses")
    labels: Literal["pseudo", "masks"] = Field(
        "pseudo", description="masks = train on the true masks: a ceiling to compare with"
    )


class ClassifyJob(ClassifyOptions):
    """All that the classify stage reads."""

    model: BackboneOptions = Field(BackboneOptions(), description="see section model")
    random_seed: int = Field(0, ge=0, description="of initialisation, order and augmentation")


class TrainJob(TrainOptions):
    """All that the train stage reads."""

    model: ModelOptions = Field(ModelOptions(), description="see section model")
    random_seed: int = Field(0, ge=0, description="of initialisation, order and augmentation")


# --- pseudo labels and inference ------------------------------------------------------------------


class CamOptions(Section):
    """Class activation maps of the classifier."""

    scales: Scales = Field((0.5, 1.0, 1.5, 2.0), description="image scales to average over")
    flip: bool = Field(True, description="average with the mirrored image")


class FusionOptions(Section):
    """CAM and saliency to pseudo labels, per pixel (METHOD sec. 4)."""

    cam_threshold: Threshold = Field(0.2, description="CAM above it: foreground")
    saliency_threshold: Threshold = Field(0.06, description="saliency above it: foreground")


class SeedOptions(FusionOptions):
    """The first pseudo labels."""

    use_saliency: bool = Field(
        True, description="false = CAM alone decides, nothing is ignored: a baseline"
    )


class SaliencyCrfOptions(Section):
    """The two-label dense CRF that sharpens refined saliency (METHOD sec. 4)."""

    iterations: int = Field(1, ge=1, le=50, description="mean-field iterations")
    temperature: float = Field(1.05, gt=0, description="tau of the unary term")
    gaussian_sxy: float = Field(3, gt=0, description="smoothness kernel, pixels")
    gaussian_compat: float = Field(3, ge=0, description="smoothness weight")
    bilateral_sxy: float = Field(60, gt=0, description="appearance kernel, pixels")
    bilateral_srgb: float = Field(5, gt=0, description="appearance kernel, grey levels")
    bilateral_compat: float = Field(5, ge=0, description="appearance weight")


class SegmentationCrfOptions(Section):
    """The dense CRF on class probabilities (METHOD sec. 5)."""

    iterations: int = Field(10, ge=1, le=50, description="mean-field iterations")
    gaussian_sxy: float = Field(4, gt=0, description="smoothness kernel, pixels")
    gaussian_compat: float = Field(3, ge=0, description="smoothness weight")
    bilateral_sxy: float = Field(83, gt=0, description="appearance kernel, pixels")
    bilateral_srgb: float = Field(5, gt=0, description="appearance kernel, grey levels")
    bilateral_compat: float = Field(3, ge=0, description="appearance weight")


class OwnSegmentationOptions(Section):
    """Pseudo labels from what the network segments as the image's own classes."""

    saliency_share: Threshold = Field(
        0.33, description="weight of saliency beside the network in telling objects from background"
    )
    min_confidence: Threshold = Field(0.0, description="labels less probable are ignored")
    use_crf: bool = Field(True, description="sharpen the probabilities by a dense CRF")
    crf: SegmentationCrfOptions = Field(SegmentationCrfOptions(), description="its constants")


class RefineOptions(FusionOptions):
    """The next round's pseudo labels from this round's network."""

    labels_from: Literal["cam", "segmentation"] = Field(
        "cam",
        description="affinity-propagated CAM fused with saliency (as published), or the network's "
        "segmentation into background and the image's own classes",
    )
    scales: Scales = Field((1.0,), description="image scales to average the network's maps over")
    flip: bool = Field(False, description="average with the mirrored image")
    use_crf: bool = Field(True, description="sharpen the saliency by a dense CRF")
    crf: SaliencyCrfOptions = Field(SaliencyCrfOptions(), description="its constants")
    segmentation: OwnSegmentationOptions = Field(
        OwnSegmentationOptions(), description="for labels_from: segmentation"
    )

    def narrowed(self) -> "RefineOptions":
        """Without the options of the labels that are not made: they must not rerun anything."""
        unused = {"segmentation"} if self.labels_from == "cam" else {*FusionOptions.model_fields}
        return RefineOptions.model_validate(self.model_dump(exclude=unused))


class PredictOptions(Section):
    """Segmentation of the evaluation split."""

    scales: Scales = Field((0.5, 1.0, 1.5), description="scales of the multi-scale variant")
    flip: bool = Field(True, description="the multi-scale variant also averages mirror images")
    use_crf: bool = Field(True, description="add a variant with the dense CRF")
    crf: SegmentationCrfOptions = Field(SegmentationCrfOptions(), description="its constants")


class EvaluateOptions(Section):
    """Figures of each round, where masks exist."""

    saliency: bool = Field(True, description="score saliency maps too (MAE, max-F, S-measure)")


class ReportOptions(Section):
    """The page that shows a run."""

    title: str = Field("AuxSegNet run", description="the page's heading")
    panels: int = Field(8, ge=0, description="picture panels of each split")


# --- the whole ------------------------------------------------------------------------------------


class Config(Section):
    """config.yaml, whole."""

    run: str = Field("shapes", description="name of the run: its artifacts go to results/{run}")
    rounds: int = Field(3, ge=1, le=20, description="trainings of the multi-task network")
    random_seed: int = Field(0, ge=0, description="of initialisation, order and augmentation")
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

    @field_validator("run")
    @classmethod
    def _run_is_a_folder_name(cls, run: str) -> str:
        if not re.fullmatch(r"\w[\w.-]*", run):
            raise ValueError(f"{run!r} is not a folder name; use letters, digits, '-', '_', '.'")
        return run


STAGE_OPTIONS: dict[str, type[Section]] = {
    "index": IndexOptions,
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


def parse_config(values: dict[str, Any], source: str = "config") -> Config:
    """Check a whole configuration, as read from YAML.

    Raises:
        UserError: with every faulty key's path, value and what is allowed.
    """
    return _parse(Config, values, source)


def parse_stage_options(stage: str, text: str) -> Section:
    """Options of one stage from a YAML mapping or the path of a YAML file (empty = defaults).

    Raises:
        UserError: not YAML, not a mapping, or a faulty key.
    """
    source = "--options"
    if text.strip() and not set(text) & set("{:\n") and Path(text).is_file():
        source, text = text, Path(text).read_text(encoding="utf-8")
    try:
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise listing([str(error).replace("\n", " ")], f"{source} is not YAML") from None
    if not isinstance(values, dict):
        raise listing([f"got {text!r}"], f"{source} must be a mapping such as '{{key: value}}'")
    return _parse(STAGE_OPTIONS[stage], values, source)


def stage_options(config: Config, stage: str) -> Section:
    """What `stage` reads of the configuration, and nothing else."""
    section = getattr(config, stage)
    if stage in ("index", "refine"):
        return section.narrowed()
    if stage == "saliency" and section.source == "maps":
        return SaliencyOptions(source="maps", maps=section.maps)
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


def to_json(options: BaseModel) -> str:
    """Canonical JSON of options: the same values always give the same text."""
    return json.dumps(options.model_dump(mode="json", exclude_none=True), sort_keys=True)


def schema() -> str:
    """The JSON schema of config.yaml, for editors and other readers."""
    return json.dumps(Config.model_json_schema(), indent=2) + "\n"


def _parse(model: type[Section], values: dict[str, Any], source: str) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = [_fault(model, dict(item)) for item in error.errors()]
        raise listing(faults, f"{source} is not valid") from None


def _fault(model: type[BaseModel], item: dict[str, Any]) -> str:
    """`train.epochs: 0 is not allowed: input should be greater than or equal to 1`."""
    path = ".".join(str(part) for part in item["loc"]) or "(whole)"
    if item["type"] == "extra_forbidden":
        return f"{path}: unknown key{_suggestion(model, item['loc'])}"
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "value_error":
        return f"{path}: {message}"
    return f"{path}: {item['input']!r} is not allowed: {message[0].lower()}{message[1:]}"


def _suggestion(model: type[BaseModel], location: tuple[str | int, ...]) -> str:
    """The nearest known key beside an unknown one, or all that are known."""
    for part in location[:-1]:
        if not isinstance(part, str) or part not in model.model_fields:
            return ""
        annotation = model.model_fields[part].annotation
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        nested = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        if not nested:
            return ""
        model = nested[0]
    known = list(model.model_fields)
    return did_you_mean(str(location[-1]), known) or f"; known keys: {', '.join(known)}"


if __name__ == "__main__":
    print(schema(), end="")
