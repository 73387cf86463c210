"""Every error that Benthoscope raises on purpose, on one screen.

CoreError                   one sentence for a person: what was expected, what came, the way out
├── SettingsError           a setting or a command-line value is out of range or contradicts another
├── SelectionError          a condition or a saved selection cannot be understood or applied
├── FormatError             a table or annotation file as a whole cannot be read
├── ImageError              one image file cannot be used; `code` says why in one word
├── ModelError              weights or a model do not fit, or would need unsafe loading
├── EmbeddingError          vectors of the wrong shape, zero or not finite
├── GraphError              a neighbour graph does not hold what was asked of it (for example k too large)
├── ReviewError             a decision cannot be taken, or a queue cannot be made
├── WorkspaceError          the workspace folder, its catalogue or a run is missing, locked or too new
│   └── ArtefactError       a stored artefact is missing or damaged
└── Cancelled               a person stopped the work; what was finished is kept
"""

from __future__ import annotations


class CoreError(Exception):
    """Base of all errors meant for a person; ``str(error)`` is one sentence that names the way out."""


class SettingsError(CoreError):
    """A setting is out of range, unknown, or contradicts another."""


class SelectionError(CoreError):
    """A condition cannot be parsed, or names a field or value that the catalogue lacks."""


class FormatError(CoreError):
    """A file of labels or metadata cannot be read at all (single bad rows are reported, not raised)."""


class ImageError(CoreError):
    """One image file cannot be used.

    Attributes:
        code: One word for tables and tests: ``missing``, ``unreadable``, ``empty``, ``not-an-image``,
            ``truncated``, ``too-large``, ``outside`` (a link that leaves the dataset's folder) or ``unsupported``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[ImageError], tuple[str, str]]:
        return type(self), (self.code, str(self))


class ModelError(CoreError):
    """Weights do not fit the network, cannot be fetched, or cannot be loaded safely."""


class EmbeddingError(CoreError):
    """Embeddings are empty, of differing dimension, zero or not finite."""


class GraphError(CoreError):
    """A neighbour graph is too small or does not belong to the embeddings at hand."""


class ReviewError(CoreError):
    """A decision names what is not there or contradicts an earlier one, or a queue cannot be made from this run."""


class WorkspaceError(CoreError):
    """The workspace, its catalogue or a run is missing, locked, or made by a newer version."""


class ArtefactError(WorkspaceError):
    """A stored artefact is missing, incomplete or damaged."""


class Cancelled(CoreError):
    """The work was stopped on request; everything finished so far is kept and the next call resumes."""
