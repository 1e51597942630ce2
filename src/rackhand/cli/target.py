"""`--target` in words: `all`, `1-20,25`, `label:rack=a,row=2`, `node:PC-01,PC-02`; to the JSON of the contract."""

from typing import Any

from rackhand.core.errors import Invalid

HOW = "use all, indexes such as 1-20,25, label:rack=a or node:PC-01"


def read_target(text: str, exclude: str = "") -> dict[str, Any]:
    """A target; ValueError says what is wrong with it, before anything is sent."""
    target = _read(text.strip())
    if exclude:
        target["exclude"] = _indexes(exclude, "--exclude")
    return target


def _read(text: str) -> dict[str, Any]:
    scope, sign, rest = text.partition(":")
    if text == "all":
        return {"scope": "all"}
    if sign and scope in ("label", "labels"):
        return {"scope": "labels", "labels": dict(_label(part) for part in rest.split(","))}
    if sign and scope in ("node", "nodes"):
        names = [name.strip() for name in rest.split(",") if name.strip()]
        if not names:
            raise ValueError(f"--target {text!r} names no node; nothing was started: {HOW}")
        return {"scope": "nodes", "nodes": names}
    return {"scope": "indexes", "indexes": _indexes(text, "--target")}


def _label(part: str) -> tuple[str, str]:
    key, sign, value = part.partition("=")
    if not sign or not key.strip():
        raise ValueError(f"--target has the label {part!r} without a value; nothing was started: {HOW}")
    return key.strip(), value.strip()


def _indexes(text: str, flag: str) -> str:
    from rackhand.core.target import parse_indexes

    try:
        parse_indexes(text)
    except Invalid as error:
        raise ValueError(f"{flag} {error.errors[0].message}; nothing was started: {HOW}") from None
    return text
