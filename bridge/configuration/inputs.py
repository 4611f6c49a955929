"""What a configuration is read from: which files and folders, and whether any of it has changed since."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

TEST_SUFFIX = ".test.yaml"
MAGIC = re.compile(r"[*?\[]")
MOST_LINKS = 40
"""Symbolic links followed on the way to one file; more are a circle."""

Stamp = tuple[int, int, int, int, int]
"""Device, inode, size, and the times of the last change to content and to inode, in nanoseconds."""


def stamp(path: Path) -> Stamp | None:
    """What tells one version of a file from another without reading it; None while it is not there."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def is_file(path: Path) -> bool:
    """Whether a file is there. What cannot be looked at (no right, no possible name) is not there for us."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """As :func:`is_file`, for a folder."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def is_test(path: Path) -> bool:
    """Whether a file holds tests of rules, which are never loaded as rules."""
    return path.name.endswith(TEST_SUFFIX)


def matching(base: Path, pattern: str) -> tuple[Path, ...]:
    """The files of rules that a pattern means, sorted.

    Raises:
        OSError: a folder vanished while it was searched.
    """
    try:
        root, inside = _rooted(base, pattern)
        return tuple(sorted(found for found in root.glob(inside) if is_file(found) and not is_test(found)))
    except ValueError:  # `**` beside other characters is no pattern of Python's
        return ()


@dataclass(slots=True)
class Inputs:
    """The files that were read or looked for, each with its stamp from just before, and the patterns with their files.

    Whoever reads a configuration notes what it reads; nothing else is kept of the files.
    """

    files: dict[Path, Stamp | None] = field(default_factory=dict)
    patterns: dict[tuple[Path, str], tuple[Path, ...]] = field(default_factory=dict)

    def note(self, path: Path) -> None:
        """A file is about to be read, or looked for. Its first stamp counts: it may change before it is read again."""
        self.files.setdefault(path, stamp(path))

    def note_pattern(self, base: Path, pattern: str, found: tuple[Path, ...]) -> None:
        """A pattern was searched for below `base`."""
        self.patterns.setdefault((base, pattern), found)

    def merged(self, newer: "Inputs") -> "Inputs":
        """Both; where both know a file, the newer one's stamp counts."""
        return Inputs({**self.files, **newer.files}, {**self.patterns, **newer.patterns})

    def restamped(self) -> "Inputs":
        """The same files and patterns as they are now. Reads the disk."""
        return Inputs(
            {path: stamp(path) for path in self.files},
            {(base, pattern): _matching_now(base, pattern) for base, pattern in self.patterns},
        )

    def changed(self) -> bool:
        """Whether any of it is another file now, or there are other files. Reads the disk."""
        now = self.restamped()
        return now.files != self.files or now.patterns != self.patterns

    def folders(self) -> frozenset[Path]:
        """Folders that exist and in one of which something happens whenever `changed` turns true. Reads the disk.

        Never the files themselves: an editor that renames, or a link that is switched, gives a name to another inode.
        """
        found = {folder for path in self.files for folder in _folders_to(path)}
        for base, pattern in self.patterns:
            found |= {folder for inside in _searched(base, pattern) for folder in _folders_to(inside / "x")}
        return frozenset(found)


def _matching_now(base: Path, pattern: str) -> tuple[Path, ...]:
    try:
        return matching(base, pattern)
    except OSError:
        return ()


def _rooted(base: Path, pattern: str) -> tuple[Path, str]:
    """Where to search, and for what: a pattern may be absolute."""
    path = Path(pattern)
    return (Path(path.anchor), str(path.relative_to(path.anchor))) if path.is_absolute() else (base, pattern)


def _searched(base: Path, pattern: str) -> Iterable[Path]:
    """The folders that a search for the pattern looks into."""
    root, inside = _rooted(base, pattern)
    parts = Path(inside).parts[:-1]
    plain = next((at for at, part in enumerate(parts) if MAGIC.search(part)), len(parts))
    start = root.joinpath(*parts[:plain])
    found = [start]
    for end in range(plain + 1, len(parts) + 1):
        try:
            found += [path for path in start.glob(str(Path(*parts[plain:end]))) if is_folder(path)]
        except (OSError, ValueError):
            break
    return found


def _folders_to(path: Path) -> set[Path]:
    """The folders through which a path leads, as far as a change there can give it another file.

    These are its own folder and the one in which that stands (it may be renamed), and the same for each symbolic link
    on the way and what it points to. Of a folder that is not there, the nearest one that is.
    """
    found: set[Path] = set()
    on_the_way = [Path(os.path.abspath(path))]  # noqa: PTH100 - `resolve` would follow the links, which are to be seen
    for _ in range(MOST_LINKS):
        if not on_the_way:
            break
        current = on_the_way.pop()
        found |= {_nearest(current.parent), _nearest(current.parent.parent)}
        for link in (current, *current.parents):
            leads_to = _read_link(link)
            if leads_to is not None:
                found.add(_nearest(link.parent))
                target = Path(os.path.normpath(link.parent / leads_to))
                on_the_way.append(target / current.relative_to(link))
                break
    return found


def _read_link(path: Path) -> str | None:
    """What a symbolic link says, None when the path is none, not any more, or cannot be looked at."""
    try:
        return os.readlink(path)  # noqa: PTH115 - as it is written, for `normpath`
    except (OSError, ValueError):
        return None


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    while not is_folder(folder) and folder != folder.parent:
        folder = folder.parent
    return folder
