"""Messages: texts for people that know the template they were made from, so that the edge can say them in Korean.

A Message is its English text, and goes into logs and JSON as any other `str`. What people typed is a value, never a
part of a template; a literal brace in a template is doubled. A value may be a Message and is translated, too.
(The pattern of zope.i18nmessageid: the English text is the message id.)
"""

from collections.abc import Callable, Iterable

Translator = Callable[[str], str]
"""A template to the same template in another language, with the same places."""


class Message(str):
    """`template` filled with `values`."""

    __slots__ = ("template", "values")
    template: str
    values: dict[str, object]

    def __new__(cls, template: str, /, **values: object) -> "Message":
        made = super().__new__(cls, template.format(**values))
        made.template, made.values = template, values
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, object]]:
        """How copies are made: of the template, not of the text."""
        return (self.template,), self.values

    def translated(self, translate: Translator) -> str:
        """The text in another language."""
        values = {name: said(value, translate) for name, value in self.values.items()}
        return translate(self.template).format(**values)


def word(text: str) -> Message:
    """A word of a closed set, such as a state or a role."""
    return Message(text.replace("{", "{{").replace("}", "}}"))


def said(value: object, translate: Translator) -> object:
    """A Message in another language; everything else is what people or programs wrote and stays as it is."""
    return value.translated(translate) if isinstance(value, Message) else value


def joined(parts: Iterable[str], separator: str = ", ") -> Message:
    """Several texts as one; those that are Messages stay translatable."""
    values = {f"part{i}": part for i, part in enumerate(parts)}
    return Message(separator.join(f"{{{name}}}" for name in values), **values)
