"""Embeddings of tokens and positions, and the output head that shares the token embedding's matrix.

Rules: whatever uses a parameter is a module that is called, so that an engine sees every use, the tied one too; every
module's input has the rows as its first axis, positions included.

Axes: R rows, T tokens, D width, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import nn


class TokenAndPosition(nn.Module):
    """The sum of a token's and its position's vector."""

    def __init__(self, vocabulary: int, context: int, width: int) -> None:
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(context, width)

    def forward(self, ids_RT: torch.Tensor) -> torch.Tensor:
        """Return (rows, tokens, width)."""
        positions_RT = torch.arange(ids_RT.shape[1], device=ids_RT.device).repeat(len(ids_RT), 1)
        x_RTD: torch.Tensor = self.token(ids_RT) + self.position(positions_RT)
        return x_RTD


def output_head(embedding: nn.Embedding, *, tied: bool) -> nn.Linear:
    """Return the layer from width to vocabulary; `tied` makes its weight the embedding's, one parameter used twice."""
    head = nn.Linear(embedding.embedding_dim, embedding.num_embeddings, bias=False)
    if tied:
        head.weight = embedding.weight
    return head
