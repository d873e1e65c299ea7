"""Census incomes above 50,000 dollars, encrypted through the service.

Adult, the 32,561 training rows of the original division, numbers by declared bounds and categories by declared lists,
the 16,281 test rows, epsilon = 0.5, delta = 1e-5, five jobs that differ by the custodian's noise, least squares by its
rule. The owner allows epsilon = 2 in all. Three quarters of the rows have the lower income, so the area under the ROC
curve stands beside accuracy. Compared with plain logistic regression, standardised on the training rows, in the same
run.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from benchmarks.comparison import accuracy_rows, cost_rows, privacy_rows
from benchmarks.data_files import data_file
from benchmarks.harness import PURPOSE, Trained, running_service
from benchmarks.rows import Row
from secure_ds.ckks.profiles import STATISTICS
from secure_ds.client.predict import predict_records
from secure_ds.data.declared import declared_feature_map
from secure_ds.data.descriptor import Limits
from secure_ds.data.loading import load_csv
from secure_ds.data.records import Records, select_classes

JOBS, EPSILON, DELTA, LABEL = 5, 0.5, 1e-5, "income"
CLASSES = ("<=50K", ">50K")
POINTS_BELOW, AUC_BELOW, MOST_SECONDS = 2.0, 0.02, 300.0
LIMITS = Limits(epsilon=2.0, delta=DELTA, purposes=(PURPOSE,), max_decryptions=32)
FEATURE_MAP = declared_feature_map("adult")
NUMERIC = ("age", "education-num", "capital-gain", "capital-loss", "hours-per-week")
CATEGORICAL = ("workclass", "marital-status", "occupation", "relationship", "race", "sex", "native-country")


def run() -> list[Row]:
    """Upload once, train five times."""
    train, test = rows_of("train"), rows_of("test")
    plain_accuracy, plain_auc = plain_regression(train, test)
    with running_service() as owner:
        dataset = owner.upload(train, FEATURE_MAP, LABEL, LIMITS, CLASSES, STATISTICS)
        jobs = [
            owner.train(dataset.dataset_id, EPSILON, DELTA, algorithm="encrypted_least_squares") for _ in range(JOBS)
        ]
    percents = [100 * job.accuracy(test, LABEL) for job in jobs]
    area = float(np.mean([_auc(job, test) for job in jobs]))
    first, *later = jobs
    return [
        *accuracy_rows(
            f"private and encrypted, epsilon = 0.5, {len(test)} rows", percents, plain_accuracy - POINTS_BELOW
        ),
        Row(
            "area under the ROC curve, mean",
            area,
            "1",
            target=f"at least {plain_auc - AUC_BELOW:.4f}",
            holds=area >= plain_auc - AUC_BELOW,
        ),
        Row("plain logistic regression: accuracy", plain_accuracy, "%"),
        Row("plain logistic regression: area under the ROC curve", plain_auc, "1"),
        *privacy_rows(first),
        *cost_rows(dataset, first, later, MOST_SECONDS),
    ]


def rows_of(part: str) -> Records:
    """Return the `train` or `test` rows, incomes as 0 and 1."""
    records = load_csv(data_file("adult.csv.gz"))
    return select_classes(records.where(records.column("split") == part), LABEL, CLASSES)


def plain_regression(train: Records, test: Records) -> tuple[float, float]:
    """Return accuracy in per cent and area under the ROC curve of plain logistic regression on one-hot rows."""
    X, X_test = _one_hot(train, train), _one_hot(test, train)
    scaler = StandardScaler().fit(X[:, : len(NUMERIC)])
    for matrix in (X, X_test):
        matrix[:, : len(NUMERIC)] = scaler.transform(matrix[:, : len(NUMERIC)])
    model = LogisticRegression(max_iter=2000).fit(X, train.columns[LABEL])
    area = roc_auc_score(test.columns[LABEL], model.decision_function(X_test))
    return 100 * float(model.score(X_test, test.columns[LABEL])), float(area)


def _one_hot(records: Records, fitted_on: Records) -> np.ndarray:
    """Categories are those that the training rows show: fitted, as a plain baseline may."""
    numbers = [records.numeric(name) for name in NUMERIC]
    flags = [
        records.column(name) == value for name in CATEGORICAL for value in np.unique(fitted_on.column(name)).tolist()
    ]
    return np.column_stack([*numbers, *flags]).astype(np.float64)


def _auc(job: Trained, test: Records) -> float:
    _, scores = predict_records(job.model, test)
    return float(roc_auc_score(test.columns[LABEL], scores[:, 0]))
