"""Causal self-attention.

Rules: a token sees itself and the tokens before it in its own row, nothing else; the projections are Linear layers of
their own (q, k, v, o), so that adapters and per-record gradients find them by name.

Axes: R rows, T tokens, D width, H heads, K numbers per head.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention


class CausalSelfAttention(nn.Module):
    """Multi-head attention over the tokens of one row (Vaswani et al. 2017)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width, bias=False)
        self.k = nn.Linear(width, width, bias=False)
        self.v = nn.Linear(width, width, bias=False)
        self.o = nn.Linear(width, width, bias=False)

    def forward(self, x_RTD: torch.Tensor) -> torch.Tensor:
        """Return (rows, tokens, width)."""
        q_RHTK, k_RHTK, v_RHTK = (self._split(project(x_RTD)) for project in (self.q, self.k, self.v))
        y_RHTK = scaled_dot_product_attention(q_RHTK, k_RHTK, v_RHTK, is_causal=True)
        y_RTD: torch.Tensor = self.o(y_RHTK.transpose(1, 2).flatten(2))
        return y_RTD

    def _split(self, x_RTD: torch.Tensor) -> torch.Tensor:
        rows, tokens, width = x_RTD.shape
        return x_RTD.view(rows, tokens, self.heads, width // self.heads).transpose(1, 2)
