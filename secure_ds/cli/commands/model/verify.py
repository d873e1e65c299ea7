"""`secure-ds model verify`."""

import os
from pathlib import Path

import click

from secure_ds.cli.commands.model.download import CERTIFICATE_FILE, WEIGHTS_FILE
from secure_ds.cli.connection import as_json, trust_file, url
from secure_ds.cli.printing import Printer
from secure_ds.cli.profile import load_profile
from secure_ds.client.errors import ClientError
from secure_ds.client.trust import TrustFile
from secure_ds.client.verify import ModelReport, verify_model
from secure_ds.wire.base import Message
from secure_ds.wire.certificate import Predicate
from secure_ds.wire.sealed_certificate import SealedPredicate


class CheckView(Message):
    """One check."""

    check: str
    passed: bool
    detail: str


class CertificateInvalid(ClientError):
    """A model's certificate does not hold."""

    code = "certificate_invalid"


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@url
@trust_file
@as_json
def verify(directory: Path, url: str | None, trust_file: Path | None, as_json: bool) -> None:
    """Verify a downloaded model's certificate, offline.

    Needs the directory of `model download` and the pinned public keys; the service is not asked. The plan, with its
    noise and its epsilon, is computed again.

    \b
    Example:
      secure-ds model verify breast-cancer
    """
    profile = load_profile(os.environ, url=url, trust_file=trust_file)
    keys = TrustFile(profile.trust_file).pinned(profile.url)
    report = verify_model((directory / CERTIFICATE_FILE).read_bytes(), (directory / WEIGHTS_FILE).read_bytes(), keys)
    print_report(Printer(as_json=as_json), report)
    if not report.passed:
        raise CertificateInvalid("the certificate does not hold for these weights and the pinned keys")


def print_report(printer: Printer, report: ModelReport) -> None:
    """Print every check, then what the certificate claims."""
    columns = {"check": _name, "passed": _passed, "detail": _detail}
    printer.many([CheckView(check=c.name, passed=c.passed, detail=c.detail) for c in report.checks], columns)
    if isinstance(report.claims, Predicate):
        _print_encrypted(printer, report.claims)
    elif report.claims is not None:
        _print_sealed(printer, report.claims)


def _print_encrypted(printer: Printer, claims: Predicate) -> None:
    privacy, custody = claims.privacy, claims.custody
    printer.note(
        f"({privacy.epsilon:g}, {privacy.delta:g})-DP, neighbours: {privacy.neighbours}, unit: {privacy.unit}, "
        f"accountant: {privacy.accountant}; {custody.statistical_bits:.0f} statistical bits over "
        f"{custody.max_decryptions + custody.prior_decryptions} decryptions; "
        f"norms {', '.join(claim.norms for claim in claims.data)}."
    )
    for several in privacy.persons_in_several:
        epsilon = "not to be stated" if several.epsilon is None else f"{several.epsilon:.4g}"
        printer.note(f"For a person in {several.data_sets} data sets trained on alike: epsilon {epsilon}.")


def _print_sealed(printer: Printer, claims: SealedPredicate) -> None:
    privacy = claims.privacy
    bounds = "; ".join(f"{name}: {epsilon:.4g}" for name, epsilon in privacy.bounds.items())
    printer.note(
        f"({privacy.epsilon:g}, {privacy.delta:g})-DP, neighbours: {privacy.neighbours}, unit: {privacy.unit}; "
        f"epsilon by {bounds}. Records were opened in the memory of the job's trainer."
    )


def _name(view: CheckView) -> str:
    return view.check


def _passed(view: CheckView) -> str:
    return "yes" if view.passed else "NO"


def _detail(view: CheckView) -> str:
    return view.detail
