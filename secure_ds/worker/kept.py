"""Ciphertexts that depend on the data sets alone, kept so that a second job on them does not compute them again.

Rules kept here:
1. What is kept is named by what it follows from (`EncryptedPlan.evaluation_digest`); its digest is a fact of the
   installation, written once. A file that does not have that digest is computed again, never used.
2. It is one blob of the first data set, as secret as the data set's own ciphertexts and no more.
3. Keeping is a convenience: a job goes on where it fails.
4. Whoever rechecks a job, or evaluates for dual evaluation, computes the ciphertexts from the files; nothing that is
   kept is believed there.
"""

import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.format import ciphertext_bytes
from secure_ds.core.digest import digest_bytes
from secure_ds.services.context import ServiceContext
from secure_ds.store.blobs import BlobError
from secure_ds.training.encrypted.plan import EncryptedPlan
from secure_ds.training.encrypted.release import digest_of

_FACT: Final = "evaluated/"


def kept_or_computed(context: ServiceContext, plan: EncryptedPlan, compute: Callable[[], list[bytes]]) -> list[bytes]:
    """Return the ciphertexts of a plan's step that does not depend on weights; compute and keep them the first time.

    Raises:
        EvaluationRefused: they came out otherwise than another time, which evaluation never does.
    """
    if plan.evaluation_digest is None or plan.dual_evaluation:
        return compute()
    name = _FACT + plan.evaluation_digest
    with context.store.read() as work:
        digest = work.meta.get(name)
    if digest is not None and (data := _stored(context, plan, digest)) is not None:
        return _split(plan, data)
    ciphertexts = compute()
    with suppress(BlobError):
        _keep(context, plan, b"".join(ciphertexts))
    if digest is not None and digest != digest_of(ciphertexts):
        raise EvaluationRefused("the ciphertexts came out otherwise than when they were first computed")
    with context.store.write() as work:
        work.meta.put(name, digest_of(ciphertexts))
    return ciphertexts


def _stored(context: ServiceContext, plan: EncryptedPlan, digest: str) -> bytes | None:
    try:
        with context.blobs.open(_place(plan), digest) as stored:
            data = stored.read()
    except BlobError:
        return None
    if digest_bytes(data) == digest:
        return data
    context.blobs.delete(_place(plan), digest)
    return None


def _keep(context: ServiceContext, plan: EncryptedPlan, data: bytes) -> None:
    digest, place = digest_bytes(data), _place(plan)
    offset = context.blobs.offset(place, digest)  # above zero after a crash
    if offset < len(data):
        context.blobs.append(place, digest, offset, io.BytesIO(data[offset:]), len(data))
    context.blobs.finish(place, digest)


def _place(plan: EncryptedPlan) -> str:
    return plan.facts.parts[0].dataset_id


def _split(plan: EncryptedPlan, data: bytes) -> list[bytes]:
    sizes: Sequence[int] = [ciphertext_bytes(plan.facts.parameters, form.level) for form in plan.releases(0)]
    ends = [sum(sizes[: index + 1]) for index in range(len(sizes))]
    return [data[end - size : end] for size, end in zip(sizes, ends, strict=True)]
