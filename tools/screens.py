"""Pictures of the real pages for docs/screens/: `python -m tools.screens [NAME...]`, about five minutes.

Starts `rackhand demo`, logs in by its link as a browser would, starts a second run so that something goes on, and takes
every page in Korean and English, light and dark, 1440 and 390 px wide. Debian's chromium is needed (`make browser`).
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SCREENS = ROOT / "docs" / "screens"
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
LANGUAGES, THEMES, WIDTHS = ("ko", "en"), ("light", "dark"), (1440, 390)
PHONE = 390
HEAD = """# Pictures of the pages

Made by `python -m tools.screens` from `rackhand demo`: Korean and English, light and dark, a desk and a phone wide.
"""
TALLEST = 1800
COLOURS = 160
WAIT_MS = 60_000
PLAYS_MS = 15_000
"""Long enough that the run under way still is when its pictures are taken."""


@dataclass(frozen=True, slots=True)
class Screen:
    """A page; `path` may name {run} (ended), {busy} (under way), {rollout} (halted), {playbook}, {command}, {schedule},
    and the indexes {failed} and {quarantined}."""

    name: str
    path: str
    needs_login: bool = True


SCREENS_OF_ALL = (
    Screen("run-busy", "/runs/{busy}"),
    Screen("devices", "/devices"),
    Screen("dashboard", "/"),
    Screen("run", "/runs/{run}"),
    Screen("run-device", "/runs/{run}/devices/{failed}"),
    Screen("device", "/devices/1"),
    Screen("devices-list", "/devices?view=list"),
    Screen("runs", "/runs"),
    Screen("commands", "/commands?playbook={playbook}"),
    Screen("command-new", "/commands/new"),
    Screen("command", "/commands/{command}"),
    Screen("playbooks", "/playbooks"),
    Screen("playbook", "/playbooks/{playbook}"),
    Screen("content", "/content"),
    Screen("channels", "/content/channels"),
    Screen("content-source", "/content/source"),
    Screen("schedules", "/schedules"),
    Screen("schedule", "/schedules/{schedule}"),
    Screen("schedule-new", "/schedules/new?playbook={playbook}"),
    Screen("notifications", "/settings/notifications"),
    Screen("settings", "/settings"),
    Screen("nodes", "/settings/nodes"),
    Screen("users", "/settings/users"),
    Screen("tokens", "/settings/tokens"),
    Screen("audit", "/settings/audit"),
    Screen("onboarding", "/onboarding"),
    Screen("device-quarantined", "/devices/{quarantined}"),
    Screen("run-rollout", "/runs/{rollout}"),
    Screen("not-found", "/nowhere"),
    Screen("login", "/login", needs_login=False),
)


@contextmanager
def demo(port: int) -> Iterator[str]:
    """The demo after its run: the address of the one-time link."""
    command = [sys.executable, "-m", "rackhand", "demo", "--devices", "24", "--concurrency", "6", "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        link = ""
        try:
            for line in process.stderr or ():
                sys.stderr.write(line)
                if found := re.search(r"http://\S+/login/\S+", line):
                    link = found[0]
                if line.startswith("Serving"):
                    break
            yield link
        finally:
            process.terminate()
            if process.stderr:
                process.stderr.read()


def log_in(browser: Browser, link: str) -> Any:
    """The cookies after the link's button was pressed."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(link)
        page.locator("main button").click()
        page.wait_for_url("**/")
        return context.cookies()


def facts(page: Page) -> dict[str, str]:
    """Names for the paths; starts the run that is under way."""
    runs = page.request.get("/api/runs").json()["items"]
    devices = page.request.get(f"/api/runs/{runs[-1]['id']}").json()["heatmap"]["devices"]
    playbooks = page.request.get("/api/playbooks").json()["items"]
    playbook = next(each["id"] for each in playbooks if each["title"] == "Health sweep")
    token = page.locator("meta[name=csrf-token]").get_attribute("content") or ""

    def post(path: str, **body: Any) -> Any:
        return page.request.post(path, data=body, headers={"X-CSRF-Token": token}).json()

    waiting = post("/api/command-assets", title="Let the video play", kind="wait", params={"duration_ms": PLAYS_MS})
    assets = {each["title"]: each["id"] for each in page.request.get("/api/command-assets").json()["items"]}
    steps = [{"asset_id": each} for each in (assets["Battery"], waiting["id"], assets["Screenshot"])]
    busy = post("/api/runs", steps=steps, target={"scope": "all"}, policy={"concurrency": 3}, title="Night check")
    refused = post("/api/command-assets", title="Install firmware", kind="shell", params={"command": "exit 3"})
    waves = {"waves": [1, 3]}
    target = {"scope": "indexes", "indexes": "10-20"}
    rollout = post("/api/runs", steps=[{"asset_id": refused["id"]}], target=target, rollout=waves, title="New firmware")
    quarantined = str(devices[-1]["index"])
    post(f"/api/devices/{quarantined}/quarantine", reason="its battery is swollen")
    times = {"cron": "0 9 * * MON-FRI", "time_zone": "Asia/Seoul"}
    morning = {"title": "Weekday morning", "playbook_id": playbook, "target": {"scope": "all"}}
    schedule = post("/api/schedules", **morning, **times)
    night = {"title": "Every night", "cron": "30 2 * * *", "is_enabled": False}
    post("/api/schedules", playbook_id=playbook, target=target, **night)
    hook = {"title": "Team hook", "kind": "webhook", "address": "https://hooks.example.org/rack"}
    channel = post("/api/notifications/channels", **hook)["channel"]["id"]
    post("/api/notifications/rules", title="Trouble", kinds=["run_failed", "device_quarantined"], channel_id=channel)
    failed = next(str(each["index"]) for each in devices if each["status"] == "failed")
    return {
        "run": runs[-1]["id"],
        "busy": busy["id"],
        "failed": failed,
        "playbook": playbook,
        "command": assets["Battery"],
        "rollout": rollout["id"],
        "schedule": schedule["id"],
        "quarantined": quarantined,
    }


def take(context: BrowserContext, screen: Screen, where: dict[str, str], language: str, theme: str, width: int) -> None:
    """One picture, with few colours: a tenth of the bytes."""
    page = context.new_page()
    page.goto(screen.path.format(**where), wait_until="load")
    page.wait_for_load_state("networkidle") if screen.name == "run-device" else None
    if "/runs/{rollout}" in screen.path:
        page.locator(".rollout[data-state=halted]").wait_for()
    if "/runs/{busy}" in screen.path:
        page.locator('[data-c="9"]').first.wait_for()  # an online device that runs
    clip = None
    if width == PHONE:
        height = page.evaluate("document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": width, "height": min(height, TALLEST)}
    raw = page.screenshot(full_page=width == PHONE, clip=clip)  # type: ignore[arg-type]
    page.close()
    small = Image.open(BytesIO(raw)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(SCREENS / f"{screen.name}-{language}-{theme}-{width}.png", optimize=True)


def index() -> str:
    """docs/screens/README.md: every picture under its page."""
    rows = [HEAD]
    for screen in SCREENS_OF_ALL:
        rows.append(f"\n## {screen.name}\n\n| | 1440 px | 390 px |\n| --- | --- | --- |\n")
        for language, theme in product(LANGUAGES, THEMES):
            wide, narrow = (f"![]({screen.name}-{language}-{theme}-{width}.png)" for width in WIDTHS)
            rows.append(f"| {language} {theme} | {wide} | {narrow} |\n")
    return "".join(rows)


def main(names: list[str]) -> int:
    """Returns the exit code."""
    SCREENS.mkdir(exist_ok=True)
    wanted = [screen for screen in SCREENS_OF_ALL if not names or screen.name in names]
    with demo(8799) as link, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        url = link.partition("/login/")[0]
        cookies = log_in(browser, link)
        with browser.new_context(base_url=url) as context:
            context.add_cookies(cookies)
            page = context.new_page()
            page.goto("/")
            where = facts(page)
        for screen in wanted:
            for language, theme, width in product(LANGUAGES, THEMES, WIDTHS):
                with browser.new_context(
                    base_url=url,
                    locale=language,
                    color_scheme="dark" if theme == "dark" else "light",
                    viewport={"width": width, "height": 844 if width == PHONE else 900},
                ) as context:
                    context.set_default_timeout(WAIT_MS)
                    if screen.needs_login:
                        context.add_cookies(cookies)
                    take(context, screen, where, language, theme, width)
            sys.stderr.write(f"{screen.name}\n")
        browser.close()
    (SCREENS / "README.md").write_text(index(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
