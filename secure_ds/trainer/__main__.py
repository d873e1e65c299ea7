"""`python -m secure_ds.trainer`: harden, then serve one job over standard input and output."""

import sys

from secure_ds.trainer.hardening import harden


def main() -> int:
    """Return the exit status: 0 when the talk ended as it should, whatever became of the job."""
    harden()  # before anything else is imported, let alone opened
    from secure_ds.trainer.channel import Channel

    channel = Channel.take_over()  # before any library that may print
    from secure_ds.trainer.serve import serve

    return serve(channel)


if __name__ == "__main__":
    sys.exit(main())
