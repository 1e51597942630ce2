"""The error tree. Each class says whose fault it is; the server maps it once to HTTP, the CLI once to an exit code.

RackhandError
|- Refused                 the caller can mend it
|  |- Malformed            400 not JSON, not UTF-8, wrong envelope
|  |- NotAuthenticated     401
|  |- NotAllowed           403
|  |- NotFound             404
|  |- Conflict             409 the state forbids it; `code` says which rule
|  |- TooLarge             413
|  |- Invalid              422 with every field error at once
|  |- UpgradeRequired      426
|  `- TooMany              429 too many tries: try again after `retry_after_s`
|- Busy                    503 try again after `retry_after_s`
`- IllegalMove             a bug: a command asked for an edge that the state table does not have
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rackhand.core.message import Message


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field: `path` is a JSON pointer, `message` = `template` filled with `values`."""

    path: str
    template: str
    values: dict[str, object] = field(default_factory=dict)

    @property
    def message(self) -> str:
        return Message(self.template, **self.values)


class RackhandError(Exception):
    """Everything that Rackhand raises on purpose; `detail` is a Message: `template` filled with `values`."""

    code = "internal"

    def __init__(self, template: str, /, *, code: str | None = None, **values: object) -> None:
        self.detail: str = Message(template, **values)
        super().__init__(self.detail)
        if code is not None:
            self.code = code


class Refused(RackhandError):
    """The request cannot be done as asked; nothing was changed."""

    code = "refused"


class Malformed(Refused):
    code = "malformed"


class NotAuthenticated(Refused):
    code = "not_authenticated"


class NotAllowed(Refused):
    code = "not_allowed"


class NotFound(Refused):
    code = "not_found"


class Conflict(Refused):
    code = "conflict"


class TooLarge(Refused):
    code = "too_large"


class UpgradeRequired(Refused):
    code = "upgrade_required"


class Invalid(Refused):
    """Input that breaks rules; carries every field error. Without a template the first one is the detail."""

    code = "invalid"

    def __init__(
        self,
        errors: Sequence[FieldError],
        template: str | None = None,
        /,
        *,
        code: str | None = None,
        **values: object,
    ) -> None:
        self.errors = tuple(errors)
        summary = summarise(self.errors)
        if template is None:
            template, values = summary.template, summary.values
        super().__init__(template, code=code, **values)


class TooMany(Refused):
    """Tried too often, such as a wrong password; nothing was changed."""

    code = "too_many"

    def __init__(self, template: str, /, *, code: str | None = None, retry_after_s: int = 60, **values: object) -> None:
        super().__init__(template, code=code, **values)
        self.retry_after_s = retry_after_s


class Busy(RackhandError):
    """Too much at once; nothing was changed, and the same request may be sent again."""

    code = "busy"

    def __init__(self, template: str, /, *, code: str | None = None, retry_after_s: int = 1, **values: object) -> None:
        super().__init__(template, code=code, **values)
        self.retry_after_s = retry_after_s


class IllegalMove(RackhandError):
    """A command asked for a state change that the table does not have."""

    code = "illegal_move"


def summarise(errors: Sequence[FieldError]) -> Message:
    """One line for a list of field errors: the first, and how many more."""
    if not errors:
        return Message("the request is not valid")
    path, message = errors[0].path or "/", errors[0].message
    if len(errors) == 1:
        return Message("{path}: {message}", path=path, message=message)
    return Message("{path}: {message} (and {n} more)", path=path, message=message, n=len(errors) - 1)
