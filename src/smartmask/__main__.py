"""The ``smartmask`` command, also as ``python -m smartmask``: light, so that Ctrl-C ends it quietly from the start."""

import sys


def main() -> int:
    """Run the process's command line and return its exit code."""
    try:
        from smartmask.cli.main import main as command  # takes some tenths of a second

        return command()
    except KeyboardInterrupt:
        print("smartmask: interrupted.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
