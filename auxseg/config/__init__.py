"""The typed configuration: every key's default, bounds and meaning stand here and nowhere else.

`Config` is the whole of config.yaml. A stage never sees it: `stage_options` gives each stage its
own section together with the few keys of other sections it reads, so that a changed key reruns
exactly the stages that depend on it.
"""

from auxseg.config.base import Precision
from auxseg.config.data import (
    CocoOptions,
    FolderOptions,
    IndexOptions,
    OnnxOptions,
    SaliencyOptions,
    ShapesOptions,
    VocOptions,
)
from auxseg.config.labels import (
    CamOptions,
    PredictOptions,
    RefineOptions,
    SaliencyCrfOptions,
    SeedOptions,
    SegmentationCrfOptions,
)
from auxseg.config.parse import (
    changed_config,
    merged,
    parse_config,
    parse_stage_options,
    refuse_repeated_keys,
    schema,
    to_json,
)
from auxseg.config.training import (
    BackboneOptions,
    Balance,
    ClassifyJob,
    ClassifyOptions,
    ModelOptions,
    TrainingOptions,
    TrainJob,
    TrainOptions,
)
from auxseg.config.whole import (
    STAGE_OPTIONS,
    Config,
    EvaluateOptions,
    ReportOptions,
    stage_options,
)

__all__ = [
    "STAGE_OPTIONS",
    "BackboneOptions",
    "Balance",
    "CamOptions",
    "ClassifyJob",
    "ClassifyOptions",
    "CocoOptions",
    "Config",
    "EvaluateOptions",
    "FolderOptions",
    "IndexOptions",
    "ModelOptions",
    "OnnxOptions",
    "Precision",
    "PredictOptions",
    "RefineOptions",
    "ReportOptions",
    "SaliencyCrfOptions",
    "SaliencyOptions",
    "SeedOptions",
    "SegmentationCrfOptions",
    "ShapesOptions",
    "TrainJob",
    "TrainOptions",
    "TrainingOptions",
    "VocOptions",
    "changed_config",
    "merged",
    "parse_config",
    "parse_stage_options",
    "refuse_repeated_keys",
    "schema",
    "stage_options",
    "to_json",
]
