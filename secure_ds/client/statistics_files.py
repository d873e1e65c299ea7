"""The other content of a package: the exact statistics of the records, computed here, in place of the records.

Rules kept here:
1. What is encrypted is what the service would compute from encrypted records, to the last unit, so the same jobs of
   least squares run on it and give the same answers, in seconds.
2. Nobody can check it: a certificate says that the statistics are asserted, and the guarantee of a record rests on the
   owner's own scaling.
"""

from collections.abc import Iterator

import numpy as np

from secure_ds.ckks.encryption import EncryptedBlock, n_blocks
from secure_ds.ckks.input_files import SYMMETRIC_SEEDED
from secure_ds.ckks.keying import Keying
from secure_ds.ckks.profiles import Profile
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.ckks.statistics_plan import StatisticsPlan, plan_statistics, require_uploadable
from secure_ds.ckks.uploaded_statistics import encrypt_statistics
from secure_ds.data.records import FloatArray
from secure_ds.training.encrypted.least_squares.moments import exact_units


def encrypted_statistics(
    profile: Profile, secret_key: SecretKey, matrix: FloatArray, n_features: int, n_classes: int
) -> Iterator[EncryptedBlock]:
    """Compute and encrypt the statistics of a design matrix (features, slack, label columns).

    Raises:
        PlanRefused: the profile cannot hold them exactly.
    """
    plan = _plan(profile, len(matrix), n_features, n_classes)
    labels = matrix[:, n_features + 1 :]
    classes = (labels[:, 0] > 0).astype(np.int64) if n_classes == 2 else labels.argmax(axis=1)
    return encrypt_statistics(plan, secret_key, exact_units(plan, matrix[:, :n_features], classes))


def _plan(profile: Profile, n_records: int, n_features: int, n_classes: int) -> StatisticsPlan:
    plan = plan_statistics(
        profile.parameters,
        input_scale=profile.input_scale,
        n_records=n_records,
        n_features=n_features,
        n_classes=n_classes,
        n_blocks=n_blocks(profile.parameters, n_records),
        eta=profile.eta,
        keying=Keying(SYMMETRIC_SEEDED, rotated=False),
        largest_group=1,
    )
    require_uploadable(plan)
    return plan
