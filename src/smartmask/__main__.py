"""The ``smartmask`` command, also as ``python -m smartmask``: light, so that Ctrl-C ends it quietly from the start."""

import os
import sys

from smartmask.io.explain import explain
from smartmask.io.terminal import STDOUT, say

LEAST_ROOM = 450  # MB of address space that the libraries take before there is any picture


def check_room() -> None:
    """MemoryError where the address space is limited to less than the libraries take: some end the process unasked."""
    try:
        import resource
    except ImportError:  # Windows knows no such limits
        return
    for kind, word in ((resource.RLIMIT_AS, "-v"), (resource.RLIMIT_DATA, "-d")):
        most = resource.getrlimit(kind)[0] >> 20
        least = LEAST_ROOM if word == "-v" else LEAST_ROOM // 3
        if resource.getrlimit(kind)[0] != resource.RLIM_INFINITY and most < least:
            raise MemoryError(f"ulimit {word} allows {most} MB, {least} are the least")


def main() -> int:
    """Run the process's command line and return its exit code."""
    # their work here is small: more threads would only take address space, and may fail to start
    for library in ("OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
        os.environ.setdefault(library, "1")
    try:
        check_room()
        import smartmask.io.limits  # noqa: F401  (a variable that is no limit is told whatever is asked, also --help)
        from smartmask.cli.main import broken_pipe  # takes some tenths of a second
        from smartmask.cli.main import main as command

        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # help has letters that not every terminal shows
                stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        code = command()
        try:
            if sys.stdout is not None:
                sys.stdout.flush()
        except BrokenPipeError:
            return broken_pipe()
        except OSError as error:
            error.filename = STDOUT
            raise
        return code
    except KeyboardInterrupt:
        say("smartmask: interrupted.", file=sys.stderr)
        return 130
    except Exception as error:  # of an import: all others are told by the command
        error.__traceback__ = None  # what its frames hold is needed now, if memory is short
        code, sentence = explain(error)
        say(f"smartmask: {sentence}", file=sys.stderr)
        return code
    finally:
        _let_go()


def _let_go() -> None:
    """What a full or broken stream still holds goes nowhere; else Python tries again in the end, and ends with 120."""
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)


if __name__ == "__main__":
    sys.exit(main())
