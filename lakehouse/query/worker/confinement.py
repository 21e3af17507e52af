"""What the kernel refuses a worker process, whatever runs in it: seccomp and Landlock.

Applied once, before there is a second thread; nothing can undo it. If the kernel lacks one of the two,
or the system calls of the machine are not known here, the process runs without it: the names of what is
enforced are reported. Must never refuse what DuckDB, Arrow or Python need for a query.
"""

import ctypes
import os
import platform
import struct
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_EPERM, _ENOSYS = 1, 38
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _IF_EQUAL, _IF_SET, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_CLONE_THREAD = 0x00010000

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_REFUSED = {
    "x86_64": {
        "socket": 41, "connect": 42, "accept": 43, "bind": 49, "listen": 50, "socketpair": 53,
        "fork": 57, "vfork": 58, "execve": 59, "ptrace": 101, "mount": 165, "init_module": 175,
        "add_key": 248, "keyctl": 250, "unshare": 272, "accept4": 288, "perf_event_open": 298,
        "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311,
        "bpf": 321, "execveat": 322, "userfaultfd": 323, "io_uring_setup": 425, "pidfd_getfd": 438,
    },
    "aarch64": {
        "mount": 40, "unshare": 97, "init_module": 105, "ptrace": 117, "socket": 198,
        "socketpair": 199, "bind": 200, "listen": 201, "accept": 202, "connect": 203,
        "add_key": 217, "keyctl": 219, "execve": 221, "perf_event_open": 241, "accept4": 242,
        "open_by_handle_at": 265, "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271,
        "bpf": 280, "execveat": 281, "userfaultfd": 282, "io_uring_setup": 425, "pidfd_getfd": 438,
    },
}  # fmt: skip
"""System calls by which a process could reach the network, other processes, or the kernel's rarer parts."""
_CLONE, _CLONE3 = {"x86_64": 56, "aarch64": 220}, 435

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_READ = _READ_FILE | _READ_DIR
_ALL_ACCESS = {1: (1 << 13) - 1, 2: (1 << 14) - 1}
_NEWER_ACCESS = (1 << 15) - 1
_O_PATH = 0o10000000
_SYSTEM = (
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/zoneinfo",
    "/lib",
    "/lib64",
    "/etc",
    "/proc",
    "/sys",
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")


def confine(readable: Iterable[str], writable: Iterable[str]) -> tuple[str, ...]:
    """Leave this process only its own files; the names of what the kernel enforces from here on.

    `readable` and `writable` are directories; one that is absent is not reached. Besides them
    the interpreter's own files can be read.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return ()
    held = (
        ("landlock", _restrict_files(libc, readable, writable)),
        ("seccomp", _restrict_calls(libc)),
    )
    return tuple(name for name, holds in held if holds)


def _restrict_calls(libc: ctypes.CDLL) -> bool:
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        return False
    code = b"".join(_filter(machine))
    instructions = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(instructions))
    return not libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0)


def _filter(machine: str) -> Iterator[bytes]:
    """The program: another architecture's calls and what is listed fail, the rest is allowed."""
    yield _instruction(_LOAD, _ARCHITECTURE_AT)
    yield _instruction(_IF_EQUAL, _ARCHITECTURES[machine], 1, 0)
    yield _instruction(_RETURN, _ERRNO | _EPERM)
    yield _instruction(_LOAD, _NUMBER_AT)
    for number in _REFUSED[machine].values():
        yield _instruction(_IF_EQUAL, number, 0, 1)
        yield _instruction(_RETURN, _ERRNO | _EPERM)
    # The C library makes threads by clone where clone3, whose flags cannot be seen here, is unknown.
    yield _instruction(_IF_EQUAL, _CLONE3, 0, 1)
    yield _instruction(_RETURN, _ERRNO | _ENOSYS)
    yield _instruction(_IF_EQUAL, _CLONE[machine], 0, 3)
    yield _instruction(_LOAD, _FIRST_ARGUMENT_AT)
    yield _instruction(_IF_SET, _CLONE_THREAD, 1, 0)
    yield _instruction(_RETURN, _ERRNO | _EPERM)
    yield _instruction(_RETURN, _ALLOW)


def _instruction(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, operand)


def _restrict_files(libc: ctypes.CDLL, readable: Iterable[str], writable: Iterable[str]) -> bool:
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    everything = _ALL_ACCESS.get(version, _NEWER_ACCESS)
    rules = struct.pack("Q", everything)
    ruleset = libc.syscall(_CREATE_RULESET, rules, ctypes.c_size_t(len(rules)), 0)
    if ruleset < 0:
        return False
    try:
        for path in {*_SYSTEM, *_interpreter(), *readable}:
            _allow(libc, ruleset, path, _READ)
        for path in _DEVICES:
            _allow(libc, ruleset, path, _READ_FILE | _WRITE_FILE)
        for path in writable:
            _allow(libc, ruleset, path, everything)
        return not libc.syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, access: int) -> None:
    try:
        descriptor = os.open(path, _O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rule = struct.pack("=Qi", access, descriptor)
        if libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0):
            raise OSError(ctypes.get_errno(), "landlock_add_rule", path)
    finally:
        os.close(descriptor)


def _interpreter() -> set[str]:
    """Where Python, its packages and we ourselves lie: modules are imported late, too."""
    package = str(Path(__file__).parents[3])
    own = (sys.prefix, sys.base_prefix, package, *sysconfig.get_paths().values())
    return {str(Path(path).resolve()) for path in own}
