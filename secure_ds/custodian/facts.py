"""The facts that the third door puts before the policies, by the custodian's own records alone."""

from policies.entities import KeySet
from secure_ds.custodian.consents import partners
from secure_ds.custodian.context import CustodianContext
from secure_ds.custodian.held_keys import Holding, norms_passed


def key_facts(context: CustodianContext, held: Holding) -> KeySet:
    """The key as it may be used on a data set: state by the count of passed checks, partners by the consents."""
    registration, descriptor = held
    return KeySet(
        id=registration.dataset_id,
        tenant=registration.tenant,
        purposes=frozenset(descriptor.limits.purposes),
        state="ready" if norms_passed(context, descriptor) else "checking",
        collaboration=registration.collaboration_id,
        partners=partners(context, held),
    )
