"""From sealed files to records in this process's memory."""

from __future__ import annotations

from secure_ds.data.errors import ContainerRefused
from secure_ds.data.sealed.container import open_container
from secure_ds.data.sealed.descriptor import Part, SealedDescriptor
from secure_ds.trainer.order import Order
from secure_ds.training.dp.unit_records import UnitRecords


def open_records(order: Order, data_key: bytes) -> UnitRecords:
    """Return the records of a job, by privacy unit.

    Raises:
        ContainerRefused: a file is absent, or is not the one that was sealed.
    """
    files = dict(zip((part.digest for part in order.descriptor.parts), order.part_files, strict=True))

    def read(part: Part) -> bytes:
        try:
            return files[part.digest].read_bytes()
        except OSError:
            raise ContainerRefused from None

    opened = open_container(order.descriptor, data_key, read)
    facts = order.plan.facts
    return UnitRecords(opened.inputs, opened.targets, opened.units, facts.n_units, facts.rows_per_unit)


def classes_of(descriptor: SealedDescriptor) -> tuple[str, ...]:
    """Return the declared names of the classes; none for tokens."""
    label = getattr(descriptor.records, "label", None)
    return () if label is None else tuple(str(each) for each in label.classes)
