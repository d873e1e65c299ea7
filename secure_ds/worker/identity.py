"""Who a worker is among the evaluators: its own key file, and the domain that the settings list its key for."""

from pathlib import Path

from secure_ds.core.evaluators import Evaluators
from secure_ds.core.private_keys import load_private_key, public_hex
from secure_ds.jobs.evaluation import EvaluatorIdentity


class EvaluatorUnlisted(Exception):
    """A worker's key is not among the evaluators of the settings, so its word would count nowhere."""

    code = "evaluator_unlisted"


def open_identity(path: Path, evaluators: Evaluators) -> EvaluatorIdentity:
    """Read a worker's key and find its domain.

    Raises:
        PrivateKeyUnusable: the file cannot be read, or others may read it.
        EvaluatorUnlisted: the settings do not list it.
    """
    key = load_private_key(path)
    domain = evaluators.domain_of(public_hex(key))
    if domain is None:
        raise EvaluatorUnlisted(
            f"the key in {path} is not among `evaluators` in the settings; add {{domain = ..., "
            f'public_key = "{public_hex(key)}"}} there, for worker, API and custodian alike'
        )
    return EvaluatorIdentity(domain, key)
