"""The keys of one trainer, made in its memory and gone with it."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.core.digest import digest_bytes
from secure_ds.core.private_keys import public_hex, public_point
from secure_ds.data.sealed.key import open_data_key, session_info
from secure_ds.jobs.sealed_model import Evidence, ModelStatement
from secure_ds.jobs.settlement import Settlement


class Session:
    """An ephemeral P-256 key that data keys are sealed to, and an Ed25519 key that signs what was used of a plan."""

    def __init__(self) -> None:
        self._sealing = ec.generate_private_key(ec.SECP256R1())
        self._signing = Ed25519PrivateKey.generate()
        self.session_key = public_point(self._sealing)
        self.signing_key = public_hex(self._signing)

    def open_key(self, sealed: bytes, job_id: str, plan_digest: str, fence: int, dataset_id: str) -> bytes:
        """Return a data key that the custodian sealed to this session for this very job.

        Raises:
            ContainerRefused: it was sealed to another session, job, plan, lease or data set, or was changed.
        """
        info = session_info(job_id, plan_digest, fence, dataset_id, self.session_key)
        return open_data_key(sealed, self._sealing, info)

    def vouch(
        self, job_id: str, plan_digest: str, model_file: bytes, evidence: dict[str, Any] | None
    ) -> tuple[str, str]:
        """Return the statement that names the model a job made, with its audit's result, and the signature, hex."""
        made = ModelStatement(
            job_id=job_id,
            plan_digest=plan_digest,
            session_key=self.session_key,
            weights=digest_bytes(model_file),
            evidence=None if evidence is None else Evidence(**evidence),
        )
        return made.statement, made.sign(self._signing)

    def settle(self, job_id: str, plan_digest: str, steps_spent: int) -> tuple[str, str]:
        """Return the statement that says how many steps were used, and its signature, hexadecimal."""
        settlement = Settlement(
            job_id=job_id, plan_digest=plan_digest, session_key=self.session_key, steps_spent=steps_spent
        )
        return settlement.statement, settlement.sign(self._signing)
