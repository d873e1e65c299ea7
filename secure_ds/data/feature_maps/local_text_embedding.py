"""Texts as embeddings by a public model on the owner's machine: tokens, network, mean over the tokens, length 1."""

from typing import Annotated, Any, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from secure_ds.data.errors import InvalidModel
from secure_ds.data.feature_maps.local_model import (
    FileDigest,
    ModelName,
    load_network,
    load_tokenizer,
    models_folder,
    run_network,
    unit_length,
)
from secure_ds.data.feature_maps.record_map import MAX_WIDTH, Name, RecordMap
from secure_ds.data.records import FloatArray, Records

_TOKEN_FIELDS: Final = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}


class LocalTextEmbedding(RecordMap):
    """Embed a column of texts, as sentence-transformers does: the mean of the last hidden states that the mask keeps.

    The model must not have been trained on the records that are to be mapped.

    Attributes:
        column: name of the column of texts.
        model: name of the model, a folder with `model.onnx` and `tokenizer.json`.
        network: digest of `model.onnx`, whose first output is (1, tokens, size).
        tokenizer: digest of `tokenizer.json`.
        max_tokens: longer texts are cut.
        size: numbers per embedding.
    """

    map: Literal["local_text_embedding"] = "local_text_embedding"
    version: Literal[1] = 1
    column: Name
    model: ModelName
    network: FileDigest
    tokenizer: FileDigest
    max_tokens: Annotated[int, Field(ge=1, le=8192)]
    size: Annotated[int, Field(ge=1, le=MAX_WIDTH)]

    @property
    def width(self) -> int:
        """The declared size."""
        return self.size

    def features(self, records: Records) -> FloatArray:
        """Return (n, size), each row of length 1; of length 0 for a text without any token.

        Raises:
            InvalidRecords: the column is absent or holds no texts.
            InvalidModel: the model's files are absent, others than declared, or do not make such embeddings.
            MissingDependency: the extra `embeddings` is not installed.
        """
        texts, folder = records.texts(self.column), models_folder()
        tokenizer = load_tokenizer(folder, self.model, self.tokenizer, self.max_tokens)
        network = load_network(folder, self.model, self.network)
        return np.stack([self._embedding(network, tokenizer.encode(text)) for text in texts])

    def _embedding(self, network: Any, tokens: Any) -> FloatArray:
        if not tokens.ids:
            return np.zeros(self.size)
        states = run_network(network, _feeds(network, tokens))
        if states.shape != (1, len(tokens.ids), self.size):
            raise InvalidModel(f"the network of {self.model!r} makes {states.shape}, not (1, tokens, {self.size})")
        kept = np.array(tokens.attention_mask, dtype=bool)
        return unit_length(states[0, kept].astype(np.float64).sum(axis=0))


def _feeds(network: Any, tokens: Any) -> dict[str, npt.NDArray[np.int64]]:
    names = [entry.name for entry in network.get_inputs()]
    if unknown := [name for name in names if name not in _TOKEN_FIELDS]:
        raise InvalidModel(f"the network asks for {unknown[0]!r}; a text has {', '.join(_TOKEN_FIELDS)}")
    return {name: np.array([getattr(tokens, _TOKEN_FIELDS[name])], dtype=np.int64) for name in names}
