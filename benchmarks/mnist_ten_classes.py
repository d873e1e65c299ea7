"""Ten handwritten digits from public orientation histograms, encrypted through the service.

MNIST, all 60,000 training images, 7 x 7 cells of 8 directions (392 features and the bias) made on the owner's machine,
the 10,000 test images of the original division, epsilon = 1, delta = 1e-5, five jobs that differ by the custodian's
noise. They share one upload, whose owner allows epsilon = 4 in all. Least squares by its rule; the first job is timed,
see `snips_intents`.

Published for comparison: HETAL (Lee et al., ICML 2023) on encrypted features of a vision transformer, on a GPU,
without privacy; Opacus' example, a convolutional network with DP-SGD on images in the clear.
"""

from benchmarks.comparison import accuracy_rows, cost_rows, privacy_rows, published
from benchmarks.data_files import data_file
from benchmarks.harness import PURPOSE, running_service
from benchmarks.rows import Row
from secure_ds.ckks.profiles import STATISTICS
from secure_ds.data.declared import declared_feature_map
from secure_ds.data.descriptor import Limits
from secure_ds.data.loading import load_npz
from secure_ds.data.records import Records

JOBS, EPSILON, DELTA, LABEL = 5, 1.0, 1e-5, "digit"
LEAST_ACCURACY, MOST_SECONDS = 95.0, 600.0
LIMITS = Limits(epsilon=4.0, delta=DELTA, purposes=(PURPOSE,), max_decryptions=32)
FEATURE_MAP = declared_feature_map("mnist_orientation_392")
CLASSES = tuple(str(digit) for digit in range(10))


def run() -> list[Row]:
    """Upload once, train five times."""
    train, test = digits("train"), digits("test")
    with running_service() as owner:
        dataset = owner.upload(train, FEATURE_MAP, LABEL, LIMITS, CLASSES, STATISTICS)
        jobs = [
            owner.train(dataset.dataset_id, EPSILON, DELTA, algorithm="encrypted_least_squares") for _ in range(JOBS)
        ]
    percents = [100 * job.accuracy(test, LABEL) for job in jobs]
    first, *later = jobs
    return [
        *accuracy_rows(f"private and encrypted, epsilon = 1, {len(test)} test images", percents, LEAST_ACCURACY),
        published("HETAL, transformer features, GPU, not private: accuracy", 96.7, "%"),
        published("HETAL, transformer features, GPU, not private: training", 3442.0, "s"),
        published("Opacus' CNN on images in the clear, GPU, epsilon = 1.16: accuracy", 94.6, "%"),
        *privacy_rows(first),
        *cost_rows(dataset, first, later, MOST_SECONDS),
    ]


def digits(part: str) -> Records:
    """Return the `train` or `test` images with their digits."""
    return load_npz(data_file("mnist.npz"), {f"x_{part}": "image", f"y_{part}": LABEL})
