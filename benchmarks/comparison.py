"""Rows that several accuracy benchmarks share: a mean over jobs held to a target, and figures that peers published.

Published figures are quoted with their hardware and whether they are private: they were not measured here.
"""

from collections.abc import Sequence

import numpy as np

from benchmarks.harness import Trained, Uploaded
from benchmarks.rows import Row

GIB = 2**30


def accuracy_rows(name: str, percents: Sequence[float], least: float, *, tolerance_errors: float = 0.0) -> list[Row]:
    """Return the mean of some accuracies in per cent, held to a target, and its spread.

    Args:
        name: of the task and its epsilon.
        percents: one accuracy per job.
        least: the mean must reach it.
        tolerance_errors: standard errors of the mean that it may fall short by.
    """
    values = np.array(percents)
    mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    floor = least - tolerance_errors * error
    tolerance = f", {tolerance_errors:g} standard errors of tolerance" if tolerance_errors else ""
    return [
        Row(
            f"{name}, mean of {len(values)} jobs",
            mean,
            "%",
            target=f"at least {least:g}{tolerance}",
            holds=mean >= floor,
        ),
        Row("  standard error of that mean", error, "points"),
        Row("  lowest job", float(values.min()), "%"),
        Row("  highest job", float(values.max()), "%"),
    ]


def published(name: str, value: float, unit: str) -> Row:
    """Return a peer's published figure; the name says whose, on which hardware, and whether private."""
    return Row(f"published: {name}", value, unit)


def cost_rows(dataset: Uploaded, first: Trained, later: Sequence[Trained], most_seconds: float) -> list[Row]:
    """Return what encrypting, uploading, checking and training took, and the memory of the worker's processes.

    Args:
        dataset: the upload.
        first: the first job on it, which evaluates every ciphertext.
        later: further jobs on it.
        most_seconds: target for the first job, loading included.
    """
    again = [Row("a later job on the same data set, median", float(np.median([job.job_seconds for job in later])), "s")]
    return [
        Row("encrypting on the owner's side, one process", dataset.encrypt_seconds, "s"),
        Row("bytes uploaded", dataset.n_bytes / 2**20, "MiB"),
        Row("uploading them on one machine", dataset.upload_seconds, "s"),
        Row("check at upload, norms under encryption included", dataset.check_seconds, "s"),
        Row(
            "training, the first job, loading included, wall clock on two cores",
            first.job_seconds,
            "s",
            target=f"under {most_seconds:g}",
            holds=first.job_seconds < most_seconds,
        ),
        *(again if later else []),
        Row("  processor seconds of the worker and its evaluators", first.worker_seconds, "s"),
        Row("  the quote's estimate", first.estimate, "s"),
        Row(
            "peak memory of the worker and its evaluators",
            first.peak_memory / GIB,
            "GiB",
            target="under 6",
            holds=first.peak_memory < 6 * GIB,
        ),
        Row("bytes of a step's ciphertexts, worker to custodian", first.answer_bytes / 2**20, "MiB"),
    ]


def privacy_rows(job: Trained) -> list[Row]:
    """Return what a job was charged and how the key is protected."""
    return [
        Row("epsilon charged for a job, at delta = 1e-5", job.plan.epsilon_after(job.plan.steps), "1"),
        Row("sigma, in units of the released sums", job.plan.sigma, "1"),
        Row(
            f"statistical bits s over tau = {job.plan.facts.max_decryptions} answers", job.plan.statistical_bits, "bit"
        ),
        Row("steps of a job, by the rule", job.plan.steps, "1"),
    ]
