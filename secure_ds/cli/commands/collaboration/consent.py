"""What both commands about consent print."""

from secure_ds.cli.printing import Printer
from secure_ds.wire.collaborations import ConsentView


def print_consent(printer: Printer, view: ConsentView) -> None:
    """Print what the custodian confirmed."""
    printer.one(
        view,
        {
            "collaboration": view.collaboration_id,
            "data set": view.dataset_id,
            "consent": view.verdict,
            "number": view.number,
            "receipt": "signed by the custodian",
        },
    )
