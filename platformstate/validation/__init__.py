"""Judge one file: everything that can be said about it without looking at any other.

Stages, in order: size, bytes, container, scan, parse and scalars (the codec's), then the schema
(here). A stage that fails reports all that it found and ends the file.
"""

from platformstate.validation.pipeline import Judged, judge, judge_events, read, read_reference

__all__ = ["Judged", "judge", "judge_events", "read", "read_reference"]
