"""A line carries JSON, bytes and ciphertexts in order; a cut line says so."""

import os
import socket

import pytest

from secure_ds.ckks.memory_io import MemoryFile
from secure_ds.ckks.process_line import ProcessLine


def ends() -> tuple[ProcessLine, ProcessLine]:
    forth, back, sockets = os.pipe(), os.pipe(), socket.socketpair()
    streams = [os.fdopen(number, mode) for number, mode in zip((*forth, *back), ("rb", "wb", "rb", "wb"), strict=True)]
    return ProcessLine(streams[2], streams[1], sockets[0]), ProcessLine(streams[0], streams[3], sockets[1])


def file_of(text: bytes) -> MemoryFile:
    descriptor = os.memfd_create("test")
    os.write(descriptor, text)
    return MemoryFile(descriptor)


def content(file: MemoryFile | None) -> bytes | None:
    return None if file is None else os.pread(file.descriptor, 99, 0)


def test_messages_arrive_in_order_with_what_belongs_to_them() -> None:
    here, there = ends()
    here.send({"do": "first"}, [file_of(b"a"), None, file_of(b"b")], [b"blob"])
    here.send({"do": "second"})
    here.send({"do": "third"}, [None, file_of(b"c")])
    found = [there.receive() for _ in range(3)]
    assert [message for message, _, _ in found] == [{"do": "first"}, {"do": "second"}, {"do": "third"}]
    assert [[content(file) for file in files] for _, files, _ in found] == [[b"a", None, b"b"], [], [None, b"c"]]
    assert [blobs for _, _, blobs in found] == [[b"blob"], [], []]
    for end in (here, there):
        end.close()


def test_a_file_is_shared_and_not_copied() -> None:
    here, there = ends()
    file = file_of(b"before")
    here.send({}, [file])
    taken = there.receive()[1][0]
    os.pwrite(file.descriptor, b"behind", 0)
    assert content(taken) == b"behind"
    for end in (here, there):
        end.close()


def test_an_end_that_is_gone_is_an_error() -> None:
    here, there = ends()
    there.close()
    with pytest.raises(OSError, match="Broken pipe"):
        here.send({"do": "first"})
    with pytest.raises(EOFError):
        here.receive()
    here.close()


def test_a_line_cut_between_message_and_file_is_an_error() -> None:
    here, there = ends()
    here._descriptors.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        here.send({"do": "first"}, [file_of(b"a")])
    with pytest.raises(EOFError):
        there.receive()
    for end in (here, there):
        end.close()
