"""`secure-ds job statistics`."""

from pathlib import Path

import click
from pydantic import BaseModel

from secure_ds.cli.connection import Session, connected
from secure_ds.client.own_statistics import NotOwnStatistics, own_model, results_key
from secure_ds.training.encrypted.model_file import write_model
from secure_ds.training.encrypted.planning import plan_from_json


class Opened(BaseModel):
    """What was written."""

    job_id: str
    model: str
    bytes: int


@click.command()
@click.argument("job_id")
@click.option(
    "--results-key",
    "key_file",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Your key, as named when the data set was encrypted.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File of the model.")
@connected
def statistics(session: Session, job_id: str, key_file: Path, out: Path) -> None:
    """Open exact statistics that were sealed to you, the data's owner, and solve them.

    The job was submitted with `--release to_owner`.

    The model is made on this machine, carries no noise and no certificate, and is not private: it is for the owner of
    the data.

    \b
    Example:
      secure-ds job statistics job_... --results-key results.pem --out model.safetensors
    """
    job, steps = session.client.job(job_id), session.client.steps(job_id)
    answer = next((step.answer for step in steps if step.answer is not None), None)
    if answer is None:
        raise NotOwnStatistics("the job has no answer yet")
    plan, descriptor = plan_from_json(job.plan), session.client.descriptor(job.dataset_id)
    model = own_model(plan, job.id, [int(value) for value in answer], results_key(key_file), descriptor)
    data = write_model(model)
    out.write_bytes(data)
    session.printer.one(Opened(job_id=job.id, model=str(out), bytes=len(data)), {"model": out, "bytes": len(data)})
