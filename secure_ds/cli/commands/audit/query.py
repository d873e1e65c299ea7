"""`secure-ds audit query`."""

from itertools import islice
from typing import Any

import click

from secure_ds.cli.connection import Session, build, connected
from secure_ds.cli.printing import Columns
from secure_ds.wire.audit import AuditQuery

COLUMNS: Columns = {
    "index": lambda entry: entry.index,
    "time": lambda entry: entry.time,
    "who": lambda entry: entry.actor,
    "action": lambda entry: entry.action,
    "outcome": lambda entry: entry.outcome,
    "object": lambda entry: entry.job_id or entry.model_id or entry.dataset_id or entry.object_id,
}


@click.command()
@click.option("--actor", help="Who.")
@click.option("--action", help="What, such as job:submit.")
@click.option("--outcome", type=click.Choice(["allowed", "denied", "done", "failed"]), help="How it ended.")
@click.option("--dataset", "dataset_id", help="About this data set.")
@click.option("--job", "job_id", help="About this job.")
@click.option("--model", "model_id", help="About this model.")
@click.option("--object", "object_id", help="About this key, blob or policy set.")
@click.option("--request", "request_id", help="Of this request.")
@click.option("--since", metavar="TIME", help="Not before, such as 2026-01-31T12:00:00Z.")
@click.option("--until", metavar="TIME", help="Before.")
@click.option("--text", help="Appears anywhere in the entry.")
@click.option("--max", "most", type=click.IntRange(1), default=50, show_default=True, help="Entries to show at most.")
@connected
def query(session: Session, most: int, **filters: Any) -> None:
    """Search the audit log, newest entries first.

    \b
    Example:
      secure-ds audit query --dataset ds_... --outcome denied
    """
    question = build(AuditQuery, limit=min(most, 200), **filters)
    session.printer.many(islice(session.client.audit_entries(question), most), COLUMNS)
