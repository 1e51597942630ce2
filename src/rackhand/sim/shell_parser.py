"""From script text to a syntax tree, as far as mksh and dash agree and agents need.

Belongs here: quoting, operators, reserved words. Must not: values or effects. Not taken: here-documents,
arithmetic, functions, `case`; those raise SyntaxProblem, which the shell prints and the journal keeps.
"""

import re

from rackhand.sim.shell_tree import (
    Chain,
    Choice,
    Command,
    Each,
    Group,
    Loop,
    Part,
    Pipeline,
    Redirect,
    Script,
    Simple,
    Substitution,
    Text,
    Variable,
    Word,
)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSIGN = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
_REDIRECT = re.compile(r"(\d?)(>>|>&|<&|<<|>|<)")
_BRACES = re.compile(r"([A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!])(?:(:?[-+=])([^{}]*))?\}")
_ENDS = " \t\n;&|<>()"
_CLOSERS = frozenset({"then", "do", "done", "fi", "else", "elif", "}"})
_MAX_DEPTH = 40


class SyntaxProblem(Exception):
    """The script is not one; the text names what was not expected."""


def parse(text: str, depth: int = 0) -> Script:
    """The syntax tree of a whole script."""
    parser = _Parser(text, depth)
    script = parser.script()
    if parser.at < len(text):
        raise parser.unexpected()
    return script


class _Parser:
    def __init__(self, text: str, depth: int) -> None:
        self.text = text
        self.at = 0
        self.depth = depth
        if depth > _MAX_DEPTH:
            raise SyntaxProblem("nested too deeply")

    # -- characters

    def peek(self, count: int = 1) -> str:
        return self.text[self.at : self.at + count]

    def take(self, token: str) -> bool:
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        return True

    def unexpected(self) -> SyntaxProblem:
        found = self.text[self.at : self.at + 20].split("\n", 1)[0]
        return SyntaxProblem(f"unexpected '{found or 'end of script'}'")

    def skip_blanks(self, newlines: bool = False) -> None:
        blanks = " \t\n" if newlines else " \t"
        while self.at < len(self.text):
            if self.text[self.at] in blanks:
                self.at += 1
            elif self.take("\\\n"):
                continue
            elif self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def reserved(self) -> str:
        """The bare word here, if the next thing is one; nothing is taken."""
        match = re.compile(r"[a-z!{}]+").match(self.text, self.at)
        if match is None or (match.end() < len(self.text) and self.text[match.end()] not in _ENDS):
            return ""
        return match.group()

    def need_word(self, word: str) -> None:
        self.skip_blanks(newlines=True)
        if self.reserved() != word:
            raise self.unexpected()
        self.at += len(word)

    # -- lists

    def script(self) -> Script:
        chains: list[Chain] = []
        while True:
            self.skip_blanks(newlines=True)
            if self.at >= len(self.text) or self.peek() == ")" or self.reserved() in _CLOSERS:
                return tuple(chains)
            links = self.links()
            self.skip_blanks()
            is_background = self.peek() == "&" and self.peek(2) != "&&"
            chains.append(Chain(links, is_background))
            if self.at < len(self.text) and self.peek() in ";&\n" and self.peek(2) != ";;":
                self.at += 1
            elif self.at < len(self.text) and self.peek() != ")" and self.reserved() not in _CLOSERS:
                raise self.unexpected()

    def body(self) -> Script:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise SyntaxProblem("nested too deeply")
        script = self.script()
        self.depth -= 1
        if not script:
            raise self.unexpected()
        return script

    def links(self) -> tuple[tuple[str, Pipeline], ...]:
        links = [("", self.pipeline())]
        while True:
            self.skip_blanks()
            operator = self.peek(2)
            if operator not in ("&&", "||"):
                return tuple(links)
            self.at += 2
            self.skip_blanks(newlines=True)
            links.append((operator, self.pipeline()))

    def pipeline(self) -> Pipeline:
        is_negated = self.reserved() == "!"
        if is_negated:
            self.at += 1
            self.skip_blanks()
        commands = [self.command()]
        while True:
            self.skip_blanks()
            if self.peek() != "|" or self.peek(2) == "||":
                return Pipeline(tuple(commands), is_negated)
            self.at += 1
            self.skip_blanks(newlines=True)
            commands.append(self.command())

    # -- commands

    def command(self) -> Command:
        if self.take("("):
            body = self.body()
            if not self.take(")"):
                raise self.unexpected()
            return Group(body, True, self.redirects())
        compound = {"{": self.braces, "if": self.choice, "while": self.loop, "until": self.loop, "for": self.each}
        word = self.reserved()
        if word in compound:
            self.at += len(word)
            return compound[word](word)
        return self.simple()

    def braces(self, _word: str) -> Command:
        body = self.body()
        self.need_word("}")
        return Group(body, False, self.redirects())

    def choice(self, _word: str) -> Command:
        branches: list[tuple[Script | None, Script]] = []
        while True:
            condition = self.body()
            self.need_word("then")
            branches.append((condition, self.body()))
            self.skip_blanks(newlines=True)
            if self.reserved() == "elif":
                self.at += 4
                continue
            if self.reserved() == "else":
                self.at += 4
                branches.append((None, self.body()))
            self.need_word("fi")
            return Choice(tuple(branches))

    def loop(self, word: str) -> Command:
        condition = self.body()
        self.need_word("do")
        body = self.body()
        self.need_word("done")
        return Loop(condition, body, word == "until")

    def each(self, _word: str) -> Command:
        self.skip_blanks()
        match = _NAME.match(self.text, self.at)
        if match is None:
            raise self.unexpected()
        self.at = match.end()
        self.need_word("in")
        words = []
        self.skip_blanks()
        while self.at < len(self.text) and self.peek() not in ";\n":
            words.append(self.word())
            self.skip_blanks()
        self.take(";")
        self.need_word("do")
        body = self.body()
        self.need_word("done")
        return Each(match.group(), tuple(words), body)

    def simple(self) -> Simple:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        while True:
            self.skip_blanks()
            if _REDIRECT.match(self.text, self.at):
                redirects.append(self.redirect())
            elif self.at >= len(self.text) or self.peek() in _ENDS:
                break
            elif not words and (match := _ASSIGN.match(self.text, self.at)):
                self.at = match.end()
                assignments.append((match.group(1), self.word()))
            else:
                words.append(self.word())
        if not (assignments or words or redirects) or self.peek() == "(":
            raise self.unexpected()
        return Simple(tuple(assignments), tuple(words), tuple(redirects))

    def redirects(self) -> tuple[Redirect, ...]:
        found = []
        self.skip_blanks()
        while _REDIRECT.match(self.text, self.at):
            found.append(self.redirect())
            self.skip_blanks()
        return tuple(found)

    def redirect(self) -> Redirect:
        match = _REDIRECT.match(self.text, self.at)
        if match is None or match.group(2) in ("<<", "<&"):
            raise self.unexpected()
        self.at = match.end()
        self.skip_blanks()
        target = self.word()
        if not target:
            raise self.unexpected()
        default = 0 if match.group(2) == "<" else 1
        return Redirect(int(match.group(1) or default), match.group(2), target)

    # -- words

    def word(self) -> Word:
        parts: list[Part] = []
        while self.at < len(self.text) and self.text[self.at] not in _ENDS:
            parts.extend(self.piece())
        return tuple(parts)

    def piece(self) -> list[Part]:
        character = self.text[self.at]
        if character == "'":
            end = self.text.find("'", self.at + 1)
            if end < 0:
                raise SyntaxProblem("no closing quote")
            quoted = self.text[self.at + 1 : end]
            self.at = end + 1
            return [Text(quoted, True)]
        if character == '"':
            self.at += 1
            return self.double_quoted()
        if character == "\\":
            escaped = self.text[self.at + 1 : self.at + 2]
            self.at += 1 + len(escaped)
            return [] if escaped == "\n" else [Text(escaped or "\\", True)]
        if character in "$`":
            return [self.dollar(False)]
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in _ENDS + "'\"\\$`":
            self.at += 1
        return [Text(self.text[start : self.at])]

    def double_quoted(self) -> list[Part]:
        parts: list[Part] = [Text("", True)]
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == '"':
                self.at += 1
                return parts
            if character in "$`":
                parts.append(self.dollar(True))
            elif character == "\\" and self.text[self.at + 1 : self.at + 2] in ("$", "`", '"', "\\", "\n"):
                escaped = self.text[self.at + 1]
                self.at += 2
                parts.append(Text("" if escaped == "\n" else escaped, True))
            else:
                self.at += 1
                parts.append(Text(character, True))
        raise SyntaxProblem("no closing quote")

    def dollar(self, is_quoted: bool) -> Part:
        if self.take("`"):
            end = self.text.find("`", self.at)
            if end < 0:
                raise SyntaxProblem("no closing backquote")
            inner = self.text[self.at : end]
            self.at = end + 1
            return Substitution(parse(inner, self.depth + 1), is_quoted)
        self.at += 1
        if self.peek(2) == "((":
            raise SyntaxProblem("unexpected '$((': arithmetic is not simulated")
        if self.take("("):
            return self.substitution(is_quoted)
        if self.take("{"):
            return self.braced_variable(is_quoted)
        match = _NAME.match(self.text, self.at) or re.compile(r"[0-9@*#?$!]").match(self.text, self.at)
        if match is None:
            return Text("$", is_quoted)
        self.at = match.end()
        return Variable(match.group(), is_quoted=is_quoted)

    def substitution(self, is_quoted: bool) -> Part:
        inner = _Parser(self.text, self.depth + 1)
        inner.at = self.at
        script = inner.script()
        self.at = inner.at
        if not self.take(")"):
            raise self.unexpected()
        return Substitution(script, is_quoted)

    def braced_variable(self, is_quoted: bool) -> Part:
        length = re.compile(r"#([A-Za-z_][A-Za-z0-9_]*)\}").match(self.text, self.at)
        if length is not None:
            self.at = length.end()
            return Variable(length.group(1), "#", "", is_quoted)
        match = _BRACES.match(self.text, self.at)
        if match is None:
            raise SyntaxProblem("bad substitution")
        self.at = match.end()
        return Variable(match.group(1), match.group(2) or "", match.group(3) or "", is_quoted)
