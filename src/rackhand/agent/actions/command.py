"""Building command lines from arguments and judging what Android's tools answer. Used by every action.

Android's tools often print an error and exit with 0, so the answer is read as well as the exit code.
"""

import re

from rackhand.agent.actions.outcome import Context, Outcome
from rackhand.agent.adb.errors import shorten
from rackhand.agent.adb.shell import ShellResult
from rackhand.core import step_reasons
from rackhand.core.template import quote

_COMPLAINT = re.compile(
    r"^(?:Error\b.*|.*Exception\b.*|Failure\b.*|Failed\b.*|Unknown (?:command|option)\b.*|.*monkey aborted.*)$",
    re.MULTILINE,
)


def line(*arguments: object) -> str:
    """A command line in which every argument is one quoted word."""
    return " ".join(quote(str(argument)) for argument in arguments)


async def run(ctx: Context, command: str) -> ShellResult:
    """Run on the device within what is left of the step's time, output going to the sink."""
    return await ctx.device.shell(command, timeout_ms=ctx.left_ms(), on_output=ctx.emit)


async def run_tool(ctx: Context, *arguments: object) -> Outcome:
    """Run one of Android's tools; a complaint in its output is a failure even with exit code 0."""
    return judge(await run(ctx, line(*arguments)))


def judge(result: ShellResult) -> Outcome:
    """The outcome of a tool's answer."""
    output = said(result)
    complaint = _COMPLAINT.search(output)
    if complaint:
        return Outcome(result.exit_code, output, error_message=shorten(complaint[0], 300))
    return judge_exit(result)


def judge_exit(result: ShellResult) -> Outcome:
    """The outcome by exit code alone (a shell script may print what it likes)."""
    output = said(result)
    if result.exit_code == 0:
        return Outcome(0, output)
    last = shorten((result.error_text.strip() or output.strip()).rpartition("\n")[2], 300)
    template = step_reasons.EXIT_CODE_SAID if last else step_reasons.EXIT_CODE
    return Outcome(result.exit_code, output, error_message=template.format(n=result.exit_code, text=last))


def said(result: ShellResult) -> str:
    """Standard output, then standard error, as text."""
    cut = "\n[output cut: only its beginning is kept here]\n" if result.is_truncated else ""
    return result.text + cut + result.error_text
