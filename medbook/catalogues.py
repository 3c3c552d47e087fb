"""Compile the message catalogues without gettext's own programs."""

from pathlib import Path

import polib


def compile_catalogues(folder: Path) -> list[Path]:
    """Compile each catalogue that changed. Returns the files written."""
    written = []
    for source in sorted(folder.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            unfinished = target.with_suffix(".mo.unfinished")
            polib.pofile(str(source)).save_as_mofile(str(unfinished))
            unfinished.replace(target)
            written.append(target)
    return written
