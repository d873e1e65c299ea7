"""The one place where descriptors of data sets and a request become a plan; service and custodian both call it."""

from collections.abc import Sequence

from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.input_files import PUBLIC_KEY
from secure_ds.ckks.keying import Keying
from secure_ds.ckks.norm_plan import MAX_ETA, NormCheckPlan, plan_norm_check
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.profiles import Profile
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.data.sealed.descriptor import SealedDescriptor
from secure_ds.privacy.ledger import Limit
from secure_ds.training.dp.plan import DpPlan, DpRequest, SealedFacts, make_dp_plan
from secure_ds.training.encrypted.facts import DataFacts, JobFacts
from secure_ds.training.encrypted.plan import EncryptedPlan
from secure_ds.training.encrypted.planning import make_plan
from secure_ds.training.encrypted.request import PlanRequest
from secure_ds.wire.jobs import SealedTraining, TrainingRequest


def plan_for(descriptors: Sequence[DatasetDescriptor], request: TrainingRequest) -> EncryptedPlan:
    """Return the frozen plan of a request: pure, so that whoever holds the descriptors gets the same one.

    Raises:
        PlanRefused: no circuit, noise or range guarantee exists for it; the message says what would have to change.
    """
    return make_plan(JobFacts.of(*map(descriptor_facts, descriptors)), plan_request(request))


def plan_request(request: TrainingRequest) -> PlanRequest:
    """The part of a request that the plan depends on."""
    return PlanRequest(
        algorithm=request.algorithm,
        epsilon=request.epsilon,
        delta=request.delta,
        purpose=request.purpose,
        steps=request.steps,
        radius=request.radius,
        learning_rate=request.learning_rate,
        momentum=request.momentum,
        hidden_units=request.hidden_units,
        seed=request.seed,
        dual_evaluation=request.dual_evaluation,
        release=request.release,
    )


def descriptor_facts(descriptor: DatasetDescriptor) -> DataFacts:
    """The part of a descriptor that the plan depends on."""
    return DataFacts(
        dataset_id=descriptor.dataset_id,
        descriptor_digest=descriptor.digest,
        n_records=descriptor.n_records,
        n_features=descriptor.n_features,
        n_classes=len(descriptor.classes),
        n_blocks=descriptor.n_blocks,
        parameters=descriptor.parameters,
        keying=Keying(descriptor.encryption, rotated=descriptor.rotation is not None),
        input_scale=descriptor.scale,
        eta=descriptor.tolerance,
        records_per_person=descriptor.unit.records_per_person,
        limit_epsilon=descriptor.limits.epsilon,
        limit_delta=descriptor.limits.delta,
        max_decryptions=descriptor.limits.max_decryptions,
        prior_decryptions=descriptor.prior_decryptions,
        coordinates=descriptor.coordinates,
        dual_evaluation_required=descriptor.limits.dual_evaluation_required,
        results_key=descriptor.results_key,
        content=descriptor.content,
    )


def dp_plan_for(descriptor: SealedDescriptor, request: TrainingRequest) -> DpPlan:
    """Return the frozen plan of a request on sealed records: pure, like `plan_for`.

    Raises:
        PlanRefused, PrivacyError: there is none; the message says what would have to change.
    """
    return make_dp_plan(sealed_facts(descriptor), dp_request(request))


def sealed_facts(descriptor: SealedDescriptor) -> SealedFacts:
    """The part of a sealed descriptor that the plan depends on."""
    return SealedFacts(
        dataset_id=descriptor.dataset_id,
        descriptor_digest=descriptor.digest,
        n_rows=descriptor.n_rows,
        n_units=descriptor.n_units,
        rows_per_unit=descriptor.rows_per_unit,
        unit=descriptor.records.unit,
        schema=descriptor.records.to_json(),
        n_features=descriptor.records.n_features,
        limit_epsilon=descriptor.limits.epsilon,
        limit_delta=descriptor.limits.delta,
        orders=descriptor.limits.orders,
    )


def dp_request(request: TrainingRequest) -> DpRequest:
    """The part of a request on sealed records that the plan depends on."""
    settings = request.sealed or SealedTraining()
    return DpRequest(
        algorithm=request.algorithm,
        epsilon=request.epsilon,
        delta=request.delta,
        purpose=request.purpose,
        steps=request.steps,
        learning_rate=request.learning_rate,
        seed=request.seed,
        model=settings.model,
        batch_size=settings.batch_size,
        l2_norm_clip=settings.l2_norm_clip,
        optimiser=settings.optimiser,
        clipping=settings.clipping,
        sampler=settings.sampler,
        canaries=settings.canaries,
    )


def ledger_limit(descriptor: DatasetDescriptor) -> Limit:
    """What the owner signed, as the budget ledger counts it: releases under all keys of the line."""
    return descriptor_facts(descriptor).limit


def ring_name(parameters: Parameters) -> str:
    """A ring in words, for lists: degree and prime sizes, special prime last."""
    sizes = ".".join(str(bits) for bits in parameters.coeff_modulus_bits)
    return f"ckks-{parameters.poly_modulus_degree}-{sizes}"


def stored_bytes(descriptor: DatasetDescriptor) -> int:
    """Bytes of a data set's ciphertexts and evaluation keys."""
    return sum(entry.bytes for entry in (*descriptor.evaluation_keys, *descriptor.blocks))


def group_tolerance(profile: Profile, n_records: int, n_members: int, n_features: int, n_classes: int) -> float:
    """The least tolerance, doubling from the profile's, that jobs on `n_records` of all members together resolve.

    Encryption under a public key leaves more noise than under a secret one, so it may be wider than the profile's.

    Raises:
        PlanRefused: none is wide enough; the message says what the ring would need.
    """
    eta, degree = profile.eta, profile.parameters.poly_modulus_degree
    n_blocks = n_records // degree + n_members  # every member's last block may be all but empty
    while True:
        try:
            plan_norm_check(
                profile.parameters,
                input_scale=profile.input_scale,
                n_records=n_records,
                n_features=n_features,
                n_blocks=n_blocks,
                eta=eta,
                n_labels=1 if n_classes == 2 else n_classes,
                encryption=PUBLIC_KEY,
            )
        except PlanRefused as refused:
            if refused.reason != "eta_too_small" or eta >= MAX_ETA:
                raise
            eta *= 2
        else:
            return eta


def norm_plan_for(descriptor: DatasetDescriptor) -> NormCheckPlan:
    """The upload check of a data set.

    Raises:
        PlanRefused: its parameters cannot resolve the tolerance it declares.
    """
    return plan_norm_check(
        descriptor.parameters,
        input_scale=descriptor.scale,
        n_records=descriptor.n_records,
        n_features=descriptor.n_features,
        n_blocks=descriptor.n_blocks,
        eta=descriptor.tolerance,
        n_labels=len(descriptor.label_columns),
        encryption=descriptor.encryption,
    )
