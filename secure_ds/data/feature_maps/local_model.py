"""Files of a public model on the owner's machine: found by name, checked by digest, run by ONNX Runtime.

Rules kept here:

1. A specification names a model and the digests of its files, never a place: the folder of all models is what the
   environment variable SECURE_DS_MODELS says, and a model is the folder of its name there.
2. What is run is the bytes whose digest was checked. A network that refers to weights in further files is refused:
   nothing would vouch for those.
3. One record at a time and one thread: how a batch is padded, cut or spread over cores must not reach a row.

The two packages are imported when a model is loaded, and only then: the service reads specifications and runs none.
"""

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Annotated, Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import Field

from secure_ds.core.digest import digest_bytes
from secure_ds.data.errors import InvalidModel, MissingDependency
from secure_ds.data.records import FloatArray

MODELS_VARIABLE: Final = "SECURE_DS_MODELS"
NETWORK_FILE: Final = "model.onnx"
TOKENIZER_FILE: Final = "tokenizer.json"

ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
FileDigest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


def models_folder() -> Path:
    """Return the folder of all local models.

    Raises:
        InvalidModel: the environment names none.
    """
    if not (folder := os.environ.get(MODELS_VARIABLE)):
        raise InvalidModel(f"set {MODELS_VARIABLE} to the folder in which each local model is a folder")
    return Path(folder)


@lru_cache(maxsize=2)
def load_network(folder: Path, model: str, digest: str) -> Any:
    """Return the ONNX Runtime session of a model's `model.onnx`.

    Raises:
        InvalidModel: the file is absent, is not the declared one, or cannot be run on its own.
        MissingDependency: ONNX Runtime is not installed.
    """
    content, runtime = _declared_file(folder / model / NETWORK_FILE, digest), _onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors reach the caller as exceptions
    with TemporaryDirectory() as empty:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", empty)
        try:
            return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the exceptions of ONNX Runtime have no base of their own
            raise InvalidModel(
                f"{NETWORK_FILE} of {model!r} cannot be run ({type(error).__name__}); it must be one complete ONNX file"
            ) from None


@lru_cache(maxsize=2)
def load_tokenizer(folder: Path, model: str, digest: str, max_tokens: int) -> Any:
    """Return the tokenizer of a model's `tokenizer.json`, which cuts texts to `max_tokens` and pads nothing.

    Raises:
        InvalidModel: the file is absent, is not the declared one, or holds no tokenizer.
        MissingDependency: tokenizers is not installed.
    """
    content, tokenizers = _declared_file(folder / model / TOKENIZER_FILE, digest), _tokenizers()
    try:
        tokenizer = tokenizers.Tokenizer.from_buffer(content)
    except ValueError:
        raise InvalidModel(f"{TOKENIZER_FILE} of {model!r} holds no tokenizer") from None
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=max_tokens)
    return tokenizer


def run_network(network: Any, feeds: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return the first output of a network.

    Raises:
        InvalidModel: it does not take these inputs.
    """
    try:
        return np.asarray(network.run(None, dict(feeds))[0])
    except Exception as error:  # see above
        names = ", ".join(sorted(feeds))
        raise InvalidModel(f"the network does not take {names} as declared ({type(error).__name__})") from None


def unit_length(vector: npt.NDArray[Any]) -> FloatArray:
    """Return a vector divided by its length; zeros stay zeros.

    Raises:
        InvalidModel: it is not finite.
    """
    exact = vector.astype(np.float64)
    length = float(np.linalg.norm(exact))
    if not np.isfinite(length):
        raise InvalidModel("the network answers with numbers that are not finite")
    return exact / (length or 1.0)


def _declared_file(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidModel(f"{path.name} of {path.parent.name!r} cannot be read ({type(error).__name__})") from None
    if digest_bytes(content) != digest:
        raise InvalidModel(f"{path.name} of {path.parent.name!r} is another file than declared: its digest differs")
    return content


def _onnxruntime() -> ModuleType:
    try:
        import onnxruntime
    except ImportError:
        raise _missing("onnxruntime") from None
    module: ModuleType = onnxruntime
    return module


def _tokenizers() -> ModuleType:
    try:
        import tokenizers
    except ImportError:
        raise _missing("tokenizers") from None
    return tokenizers


def _missing(package: str) -> MissingDependency:
    return MissingDependency(f"feature maps with a local model need {package}: install the extra secure-ds[embeddings]")
