"""Checkpoints: where a run stands, sealed so that only a trainer of the same job can go on from there.

Rules kept here:

1. Inside: weights, the optimiser's state, how many steps are done, and what an audit has seen. Neither noise nor
   sampling has a state, so whoever goes on from here draws both anew; the accountant's position is the number of steps.
2. AES-256-GCM under a key derived (HKDF, RFC 5869) from the job's data keys, with job and plan as `info` and the step
   as associated data: of another job, plan or step, or changed in a bit, it does not open.
3. Whatever is wrong, the error is the same one.

Layout: 8 bytes of magic, u64 step (little-endian), 12 bytes of nonce, then ciphertext and tag of a safetensors file
with `model.*`, `optimiser.*` and `audit.*`, and no metadata.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

import rfc8785
import torch
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from safetensors import SafetensorError
from safetensors.torch import load, save

PURPOSE: Final = "secure-ds/checkpoint/1"
_MAGIC: Final = b"SDSCKPT1"
_HEAD: Final = struct.Struct("<8sQ")
_NONCE_BYTES: Final = 12
_MODEL, _OPTIMISER, _AUDIT = "model.", "optimiser.", "audit."


class CheckpointRefused(Exception):
    """A checkpoint is not one of this job, plan and step, or was changed."""

    code: ClassVar[str] = "checkpoint_refused"

    def __init__(self) -> None:
        super().__init__("the checkpoint is not of this job and plan, or was changed; the job cannot go on from it")


@dataclass(frozen=True, repr=False)
class Checkpoint:
    """Where a run stands.

    Attributes:
        steps_done: of the plan.
        model: parameters by name.
        optimiser: its state by name.
        audit: coins and scores of the run's canaries by name; empty without an audit.
    """

    steps_done: int
    model: Mapping[str, torch.Tensor]
    optimiser: Mapping[str, torch.Tensor]
    audit: Mapping[str, torch.Tensor] = field(default_factory=dict)


class CheckpointSeal:
    """Seals and opens the checkpoints of one job."""

    def __init__(self, data_keys: Sequence[bytes], job_id: str, plan_digest: str) -> None:
        """Derive the key.

        Args:
            data_keys: of the job's data sets, in the plan's order.
            job_id: the job.
            plan_digest: of its plan.
        """
        info = rfc8785.dumps({"purpose": PURPOSE, "job_id": job_id, "plan": plan_digest})
        self._cipher = AESGCM(HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(b"".join(data_keys)))

    def seal(self, checkpoint: Checkpoint) -> bytes:
        """Return the sealed bytes."""
        tensors = {_MODEL + name: each for name, each in checkpoint.model.items()}
        tensors |= {_OPTIMISER + name: each for name, each in checkpoint.optimiser.items()}
        tensors |= {_AUDIT + name: each for name, each in checkpoint.audit.items()}
        head = _HEAD.pack(_MAGIC, checkpoint.steps_done)
        nonce = os.urandom(_NONCE_BYTES)
        return head + nonce + self._cipher.encrypt(nonce, save(on_cpu(tensors)), head)

    def open(self, sealed: bytes) -> Checkpoint:
        """Return what was sealed.

        Raises:
            CheckpointRefused: by another job or plan, or it was changed.
        """
        head, nonce = sealed[: _HEAD.size], sealed[_HEAD.size : _HEAD.size + _NONCE_BYTES]
        try:
            tensors = load(self._cipher.decrypt(nonce, sealed[_HEAD.size + _NONCE_BYTES :], head))
            _, steps_done = _HEAD.unpack(head)
        except (InvalidTag, ValueError, struct.error, SafetensorError):
            raise CheckpointRefused from None
        return Checkpoint(steps_done, _under(_MODEL, tensors), _under(_OPTIMISER, tensors), _under(_AUDIT, tensors))


def shapes_of(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Size]:
    """Return names and shapes."""
    return {name: each.shape for name, each in tensors.items()}


def on_cpu(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return contiguous tensors on the CPU, which is what a file can hold."""
    return {name: each.detach().to("cpu").contiguous() for name, each in tensors.items()}


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): each for name, each in tensors.items() if name.startswith(prefix)}
