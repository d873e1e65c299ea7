"""Which words of an entry a text search finds: its values, not the names of its fields."""

from collections.abc import Iterator, Mapping

from audit.entry import EntryDraft


def search_text(draft: EntryDraft) -> str:
    """Return the values of a draft, case-folded, one a line, without characters that a database may refuse."""
    values = (draft.action, draft.actor.id, draft.tenant, draft.dataset_id, draft.job_id, draft.model_id)
    more = (draft.object_id, draft.request_id, draft.decision, draft.details)
    return "\n".join(fold(word) for value in (*values, *more) for word in _words(value))


def fold(text: str) -> str:
    """Return `text` in the form in which words are stored and compared."""
    return text.casefold().replace("\0", "")


def _words(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)
