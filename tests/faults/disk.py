"""A small run on a disk that is full, again and again, against an unbroken run; needs the right to mount.

    python -m tests.faults.disk --sizes 60

The commands of `tests.faults.kills` run on a file system in memory that is too small. Each time it is full
they must end with status 2 and one sentence; it is enlarged a little, and the same command goes on. At the
end every file must be that of the unbroken run, and nothing else may be left.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.faults.kills import PROGRAMS, differences, finish, start, status_of, write_texts


def mount(store: Path, size: int, *more: str) -> None:
    """A file system in memory of ``size`` bytes; more: ``remount`` where there is one."""
    options = ",".join((*more, f"size={size}"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", store], check=True)


def main() -> None:
    """Print how often the disk was full, by the stage finished last; status 1 where anything differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, default=60, help="steps up to the size of the unbroken store")
    options, full = parser.parse_args(), Counter[str]()
    for program in PROGRAMS:
        __import__(f"umt.cli.{program}")
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        store, unbroken, log = place / "store", place / "unbroken", place / "log.txt"
        write_texts(place)
        finish(store, log)
        store.rename(unbroken)
        step = sum(path.stat().st_size for path in unbroken.rglob("*") if path.is_file()) // options.sizes
        size = step
        store.mkdir()
        mount(store, size)
        try:
            for program in PROGRAMS:
                while True:
                    log.unlink(missing_ok=True)
                    if not (status := status_of(start(program, store, log))):
                        break
                    text = log.read_text()
                    once = text.count("error: ") == text.count("no space is left") == 1
                    assert status == 2 and once and "Traceback" not in text, text  # noqa: PT018
                    made = sorted(store.glob("*/manifest.json"), key=lambda path: path.stat().st_mtime)
                    full[made[-1].parent.name.rpartition("-")[0] if made else "nothing"] += 1
                    size += step
                    assert size < 10 * step * options.sizes, f"{program} fills whatever disk it gets: {text}"
                    mount(store, size, "remount")
            wrong = differences(unbroken, store)
        finally:
            subprocess.run(["umount", store], check=True)
    shown = ", ".join(f"{count} after {name}" for name, count in full.items())
    print(f"full {full.total()} times ({shown}): {' '.join(wrong) or 'every file as in the unbroken run'}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
