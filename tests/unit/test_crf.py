from auxseg.config import SaliencyCrfOptions, SegmentationCrfOptions
from auxseg.crf import workers_beside

SALIENCY, SEGMENTATION = SaliencyCrfOptions(), SegmentationCrfOptions()


def test_processes_beside_the_network_are_for_pydensecrf_alone():
    assert workers_beside(4, SALIENCY, SEGMENTATION) == 4
    assert workers_beside(4) == 1
    assert workers_beside(4, SEGMENTATION.model_copy(update={"engine": "torch"})) == 1


def test_engines_of_both_kinds_share_the_network_s_process():
    assert workers_beside(4, SALIENCY.model_copy(update={"engine": "torch"}), SEGMENTATION) == 1
