"""What evaluators attested about the steps of jobs under dual evaluation.

Rules:
    - An evaluator has one word on a step. The same again changes nothing; another is refused, and so is in the log what
      it said first.
    - Rows are not believed: the custodian checks every signature itself before it answers.
"""

from collections.abc import Sequence

from sqlalchemy import insert, select

from secure_ds.jobs.evaluation import Attestation, Evaluation
from secure_ds.store.errors import AttestationConflict
from secure_ds.store.repositories.base import Repository, columns_of, find, values_of
from secure_ds.store.rows import AttestationRow
from secure_ds.store.tables import attestations


class Attestations(Repository):
    """The attestations of all jobs."""

    def add(self, attestation: Attestation) -> bool:
        """Record an attestation; tells whether it is new.

        Raises:
            AttestationConflict: this evaluator attested something else about the step.
        """
        row = self._row(attestation)
        known = find(
            self._connection,
            attestations,
            AttestationRow,
            attestations.c.job_id == row.job_id,
            attestations.c.step == row.step,
            attestations.c.evaluator == row.evaluator,
        )
        if known is None:
            self._connection.execute(insert(attestations), values_of(row))
            return True
        if _attestation(known) != attestation:
            raise AttestationConflict(f"evaluator {row.evaluator} attested something else about step {row.step}")
        return False

    def list(self, job_id: str, step: int) -> Sequence[Attestation]:
        """Return what was attested about a step, in the order of evaluators."""
        query = (
            select(*columns_of(attestations, AttestationRow))
            .where(attestations.c.job_id == job_id, attestations.c.step == step)
            .order_by(attestations.c.evaluator)
        )
        return [_attestation(AttestationRow(**row)) for row in self._connection.execute(query).mappings()]

    def _row(self, attestation: Attestation) -> AttestationRow:
        said = attestation.evaluation
        return AttestationRow(
            job_id=said.job_id,
            step=said.step,
            evaluator=attestation.evaluator,
            domain=attestation.domain,
            plan_digest=said.plan_digest,
            weights_digest=said.weights_digest,
            ciphertext_digest=said.ciphertext_digest,
            signature=attestation.signature,
            attested_at=self._now,
        )


def _attestation(row: AttestationRow) -> Attestation:
    said = Evaluation(row.job_id, row.step, row.plan_digest, row.weights_digest, row.ciphertext_digest)
    return Attestation(said, row.domain, row.evaluator, bytes(row.signature))
