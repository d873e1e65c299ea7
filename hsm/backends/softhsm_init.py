"""Initialise one SoftHSM token. Run as a script of its own, in a process of its own.

Rules:
- PINs come through standard input, never as arguments: arguments show in every process list.
- A process of its own, because a library has one state per process and reads its configuration at its start.
- Nothing is imported from the project: the script runs under `python -I`.

Usage: `SOFTHSM2_CONF=... python -I softhsm_init.py LIBRARY LABEL`, with the security officer's PIN and the user's PIN
on two lines. Neither the binding we use nor SoftHSM's own tool can do this (the tool wants a terminal, or PINs as
arguments), so the five calls of PKCS#11 v2.40 sections 5.5 and 5.6 are made here.
"""

from __future__ import annotations

import ctypes
import sys

CKR_OK = 0
CKU_SO = 0
CKF_RW_SESSION = 2
CKF_SERIAL_SESSION = 4
LABEL_BYTES = 32


def main(library_path: str, label: str, so_pin: bytes, pin: bytes) -> None:
    """Take the first uninitialised slot, name its token and set both PINs."""
    library = ctypes.CDLL(library_path)
    _call(library.C_Initialize, None)
    slot, session = ctypes.c_ulong(_free_slot(library)), ctypes.c_ulong()
    _call(library.C_InitToken, slot, so_pin, ctypes.c_ulong(len(so_pin)), label.encode().ljust(LABEL_BYTES))
    flags = ctypes.c_ulong(CKF_SERIAL_SESSION | CKF_RW_SESSION)
    _call(library.C_OpenSession, slot, flags, None, None, ctypes.byref(session))
    _call(library.C_Login, session, ctypes.c_ulong(CKU_SO), so_pin, ctypes.c_ulong(len(so_pin)))
    _call(library.C_InitPIN, session, pin, ctypes.c_ulong(len(pin)))
    _call(library.C_Finalize, None)


def _free_slot(library: ctypes.CDLL) -> int:
    """SoftHSM always shows one uninitialised token, in its last slot."""
    count = ctypes.c_ulong()
    _call(library.C_GetSlotList, ctypes.c_ubyte(0), None, ctypes.byref(count))
    slots = (ctypes.c_ulong * count.value)()
    _call(library.C_GetSlotList, ctypes.c_ubyte(0), slots, ctypes.byref(count))
    return int(slots[count.value - 1])


def _call(function: object, *arguments: object) -> None:
    answer = function(*arguments)  # type: ignore[operator]
    if answer != CKR_OK:
        raise SystemExit(f"{function.__name__} answered {answer:#x}")  # type: ignore[attr-defined]


if __name__ == "__main__":
    so_pin_line, pin_line = sys.stdin.buffer.read().split(b"\n")[:2]
    main(sys.argv[1], sys.argv[2], so_pin_line, pin_line)
