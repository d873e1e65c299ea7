"""The upload check: is every record of a block normalised, and every label 0 or 1?

The worker sends two ciphertexts a block, whose right decryption is the same for every honest data set. The custodian
decrypts them, compares, and lets one bit out. Each block gets one verdict for life, and after the first failure nothing
more of the data set is checked. So an honest data set tells nothing, and a worker that sends something else than the
check's circuit learns one bit a block, until the first "no". Under the key of a collaboration data sets are cheap to
make: after `MAX_FAILED_CHECKS_PER_KEY` of them failed, nothing more is checked under that key (see the threat model).
"""

import base64
from typing import Final

from audit.entry import Outcome
from policies.actions import Action
from secure_ds.ckks.decryption import decrypt_slots
from secure_ds.ckks.errors import DecryptionFailed
from secure_ds.core.digest import digest_bytes
from secure_ds.custodian.context import CustodianContext, as_json, ask_policy, deliver, entry
from secure_ds.custodian.errors import CheckRefused, CiphertextRejected
from secure_ds.custodian.facts import key_facts
from secure_ds.custodian.held_keys import held_key, unwrapped
from secure_ds.custodian.journal import Check, Registration
from secure_ds.data.descriptor import STATISTICS, DatasetDescriptor
from secure_ds.services.planning import norm_plan_for
from secure_ds.wire.custodian import NormCheck, NormVerdict

MAX_FAILED_CHECKS_PER_KEY: Final = 8


def check_norms(context: CustodianContext, message: NormCheck) -> NormVerdict:
    """Give a block's verdict.

    Raises:
        CheckRefused: the block has a verdict on other ciphertexts or does not exist, or too many checks have failed.
        CiphertextRejected: the ciphertexts are not of the check's form.
    """
    held = held_key(context, message.dataset_id)
    registration, descriptor = held
    if descriptor.content == STATISTICS:
        raise CheckRefused("a data set of statistics has no norms to check")
    ciphertexts = [base64.b64decode(part) for part in (message.norms, message.labels)]
    digest = digest_bytes(b"".join(ciphertexts))
    known = context.journal.check(message.dataset_id, message.block)
    if known is not None and known.digest == digest:
        deliver(context)
        return NormVerdict(passed=known.passed)
    if known is not None or message.block >= descriptor.n_blocks:
        raise CheckRefused("this block has its verdict already, or does not exist")
    _require_few_failures(context, registration)
    decision = ask_policy(context, Action.KEY_CHECK, key_facts(context, held), tenant=registration.tenant)
    passed = _decrypt_and_compare(context, registration, descriptor, message.block, ciphertexts)
    event_id = f"key:check/{message.dataset_id}/{message.block}"
    draft = entry(
        "key:check",
        registration.tenant,
        outcome=Outcome.DONE if passed else Outcome.FAILED,
        decision=decision,
        dataset_id=message.dataset_id,
        details={"block": message.block, "ciphertexts": digest, "passed": passed},
        event_id=event_id,
    )
    with context.journal.append() as page:
        page.checked(Check(message.dataset_id, message.block, digest, passed))
        page.announce(event_id, as_json(draft))
    deliver(context)
    return NormVerdict(passed=passed)


def _require_few_failures(context: CustodianContext, registration: Registration) -> None:
    dataset_id, journal = registration.dataset_id, context.journal
    if journal.checks_made(dataset_id) != journal.checks_passed(dataset_id):
        raise CheckRefused("another block of this data set has failed; nothing more is checked")
    if journal.checks_failed_of_key(registration.key_id) >= MAX_FAILED_CHECKS_PER_KEY:
        raise CheckRefused(
            f"{MAX_FAILED_CHECKS_PER_KEY} checks have failed under this collaboration's key; nothing more is checked"
        )


def _decrypt_and_compare(
    context: CustodianContext,
    registration: Registration,
    descriptor: DatasetDescriptor,
    block: int,
    ciphertexts: list[bytes],
) -> bool:
    plan = norm_plan_for(descriptor)
    try:
        with unwrapped(context, registration) as secret:
            norms, labels = (
                decrypt_slots(descriptor.parameters, secret, ciphertext, level=plan.level, scale=plan.scale)
                for ciphertext in ciphertexts
            )
    except DecryptionFailed:
        raise CiphertextRejected("the ciphertexts are not those of a norm check") from None
    return plan.accepts(block, norms, labels)
