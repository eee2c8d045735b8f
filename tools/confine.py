"""Keep the code of a submission to its own folder, by Landlock, which every recent Linux has.

A confined process and all that it starts read Python and its packages, write in one folder, reach
no network by TCP, and can neither signal nor inspect a process outside.
"""

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every machine
_PATH_BENEATH, _VERSION = 1, 1
_NO_NEW_PRIVILEGES = 38
_EXECUTE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 2, 1 << 3
_READ = _EXECUTE | _READ_FILE | _READ_FOLDER
_TO_FILES = _EXECUTE | 1 << 1 | _READ_FILE | 1 << 14 | 1 << 15  # write, truncate, device control
_RIGHTS = (13, 14, 15, 15, 16)  # how many each version knows, from the first
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc", "/sys", "/dev")
_SYSTEM += tuple(f"/proc/{name}" for name in ("self", "cpuinfo", "meminfo", "stat", "sys"))


class _Ruleset(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("files", "network", "scoped")]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def _call(number: int, *arguments: object) -> int:
    result = ctypes.CDLL(None, use_errno=True).syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def version() -> int:
    """The version of Landlock on this machine, 0 where there is none."""
    if sys.platform != "linux":
        return 0
    try:
        return _call(_CREATE_RULESET, None, 0, _VERSION)
    except OSError:
        return 0


def confine(writable: Path, readable: Iterable[Path]) -> None:
    """Confine this process, which must have one thread, for good.

    Raises:
        OSError: if this machine has no Landlock; see ``version``.
    """
    known = version()
    rights = (1 << _RIGHTS[min(known, len(_RIGHTS)) - 1]) - 1
    handled = _Ruleset(rights, 0b11 if known >= 4 else 0, 0b11 if known >= 6 else 0)
    size = 24 if known >= 6 else 16 if known >= 4 else 8
    ruleset = _call(_CREATE_RULESET, ctypes.byref(handled), size, 0)
    allowed = {path: _READ for path in (*map(Path, _SYSTEM), *readable) if path.exists()}
    allowed |= {Path("/dev/null"): _TO_FILES, writable: ~0}
    for path, access in allowed.items():
        descriptor = os.open(path, os.O_PATH)
        access &= rights if path.is_dir() else rights & _TO_FILES
        rule = _Beneath(access, descriptor)
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
        os.close(descriptor)
    if ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError("this process cannot give up privileges")
    _call(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
