"""In a child process whose PYTHONPATH names this folder: writes down what it connects to and where it writes.

Loaded by Python itself before anything else. Lines go to the file that WATCHED names, one an event: kind, tab, subject.
"""

import os
import sys

_NET = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind")
_MOVES = {"os.rename": (0, 1), "os.link": (1,), "os.symlink": (1,), "os.truncate": (0,), "shutil.move": (1,)}
_WRITES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod")
_log = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def _tell(kind, subject):
    os.write(_log, f"{kind}\t{subject!r}\n".encode("utf-8", "backslashreplace"))


def _hook(event, given):
    if event in _NET:
        _tell("net", (event, *map(str, given[1:] if event == "socket.connect" else given)))
    elif event == "open":
        path, _, flags = given
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        if writes and not isinstance(path, int):
            _tell("file", os.path.abspath(os.fsdecode(path)))
    elif event in _WRITES:
        for place in _MOVES.get(event, (0,)):
            if isinstance(given[place], (str, bytes, os.PathLike)):
                _tell("file", os.path.abspath(os.fsdecode(given[place])))


_tell("watched", os.getpid())
sys.addaudithook(_hook)
