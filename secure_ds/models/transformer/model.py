"""The causal transformer as a torch module.

Axes: R rows, T tokens, D width, F feed-forward width, V vocabulary.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import nn
from torch.nn.functional import gelu

from secure_ds.models.layers.attention import CausalSelfAttention
from secure_ds.models.layers.embedding import TokenAndPosition, output_head
from secure_ds.models.transformer.config import TransformerConfig

_EXPANSION: Final = 4
_INITIAL_STD: Final = 0.02  # GPT-2's


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them, for each token alone."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, _EXPANSION * width, bias=False)
        self.down = nn.Linear(_EXPANSION * width, width, bias=False)

    def forward(self, x_RTD: torch.Tensor) -> torch.Tensor:
        """Return (rows, tokens, width)."""
        y_RTD: torch.Tensor = self.down(gelu(self.up(x_RTD)))
        return y_RTD


class Block(nn.Module):
    """Attention and a feed-forward layer, each on normalised input and added to its input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(width)
        self.attention = CausalSelfAttention(width, heads)
        self.feed_forward_norm = nn.RMSNorm(width)
        self.feed_forward = FeedForward(width)

    def forward(self, x_RTD: torch.Tensor) -> torch.Tensor:
        """Return (rows, tokens, width)."""
        x_RTD = x_RTD + self.attention(self.attention_norm(x_RTD))
        x_RTD = x_RTD + self.feed_forward(self.feed_forward_norm(x_RTD))
        return x_RTD


class Transformer(nn.Module):
    """A decoder that gives, for each token, the logits of the token after it."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.embedding = TokenAndPosition(config.vocabulary, config.context, config.width)
        self.blocks = nn.ModuleList(Block(config.width, config.heads) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width)
        self.head = output_head(self.embedding.token, tied=config.tied)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=_INITIAL_STD)

    def forward(self, ids_RT: torch.Tensor) -> torch.Tensor:
        """Return the logits, (rows, tokens, vocabulary); a row has at most `context` tokens."""
        x_RTD = self.embedding(ids_RT)
        for block in self.blocks:
            x_RTD = block(x_RTD)
        logits_RTV: torch.Tensor = self.head(self.norm(x_RTD))
        return logits_RTV
