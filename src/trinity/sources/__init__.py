"""Sources: every piece of content with its origin and release state: texts, and files by their digest.

Owns `sources` and `artifacts`. Promises that an agent sees ids, sizes, times and enumerations of what is quarantined
and no text of it (a file's name is text, too), that only a person with the role releases (I9), and that a file's bytes
are given out only while they have the digest under which they were taken in.
"""

from trinity.providers.storage.content import Corrupted
from trinity.sources.artifact_queries import (
    Artifact,
    ReleasedFile,
    get_artifact,
    list_artifacts,
    list_released_files,
)
from trinity.sources.artifacts import (
    ARTIFACT_BYTES_MAX,
    ArtifactStore,
    NewArtifact,
    add_artifact,
    check_files,
    decide_artifact,
    open_store,
    read_artifact,
    record_corruption,
    record_opened,
)
from trinity.sources.commands import NewSource, add_source, decide_release
from trinity.sources.kinds import accepted_extensions, allowed_words, is_any_text
from trinity.sources.names import attachment_header, warnings_of
from trinity.sources.queries import (
    Source,
    get_source,
    hold_source,
    list_of_contact,
    list_readable,
    list_released,
    list_sources,
    list_withheld,
    release_states,
)
from trinity.sources.rendering import render_report
from trinity.sources.report import RenderedReport, Report, Section, file_name_of, sections_of

__all__ = [
    "ARTIFACT_BYTES_MAX",
    "Artifact",
    "ArtifactStore",
    "Corrupted",
    "NewArtifact",
    "NewSource",
    "ReleasedFile",
    "RenderedReport",
    "Report",
    "Section",
    "Source",
    "accepted_extensions",
    "add_artifact",
    "add_source",
    "allowed_words",
    "attachment_header",
    "check_files",
    "decide_artifact",
    "decide_release",
    "file_name_of",
    "get_artifact",
    "get_source",
    "hold_source",
    "is_any_text",
    "list_artifacts",
    "list_of_contact",
    "list_readable",
    "list_released",
    "list_released_files",
    "list_sources",
    "list_withheld",
    "open_store",
    "read_artifact",
    "record_corruption",
    "record_opened",
    "release_states",
    "render_report",
    "sections_of",
    "warnings_of",
]
