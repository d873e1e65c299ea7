"""The members of a collaboration by their keys, as people compare them."""

from secure_ds.cli.printing import Printer
from secure_ds.data.collaboration import Statement


def note_members(printer: Printer, statement: Statement) -> None:
    """Tell who speaks for each member; whole keys, as `secure-ds collaboration key` prints each member's own."""
    printer.note("Compare these keys with the members, over another channel than this service:")
    for member in statement.terms.members:
        printer.note(f"  {member.tenant}: {member.upload_key}")
