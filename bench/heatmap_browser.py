"""What the heatmap costs a browser: `python -m bench.heatmap_browser [DEVICES...]` (1,000 and 10,000 by default).

A real server on loopback, Debian's chromium, one page at /devices. Per size, medians of ROUNDS rounds after a warm-up:
first paint of a new page with the server warm, main-thread time of one poll that changes 1 % of the devices and of one
that changes nothing, longest task, bytes of a poll, heap and elements. Writes bench/results/heatmap_browser.json.
"""

import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from bench.measure import RESULTS
from rackhand.engine.access import Role
from rackhand.engine.fake import Lab, phone
from rackhand.server.fake_site import Site
from rackhand.server.session_cookie import NAME

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PER_NODE = 1_000
ROUNDS = 7
CHANGED_SHARE = 100  # one in a hundred
POLL = "/api/nodes/status"
PROMISED_MS = {1_000: 60, 10_000: 250}
"""Main thread per update, by devices."""
PROMISED_TASK_MS, PROMISED_BYTES = 50, 8_192
# Only polls that the script asks for: the page's own timer never comes.
_OWN_TIME = """() => new MutationObserver((_, observer) => {
  if (!document.head) return;
  observer.disconnect();
  const pace = document.createElement("meta");
  pace.name = "rackhand-pace";
  pace.dataset.poll = "86400000";
  document.head.append(pace);
}).observe(document, { childList: true, subtree: true })"""
_WATCH_TASKS = """() => {
  window.longest = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
  }).observe({ entryTypes: ["longtask"] });
}"""


def _phones(node: int, is_odd: bool) -> list[Any]:
    """The devices of a node; every other round one in a hundred is offline."""
    lost = range(1, PER_NODE + 1, CHANGED_SHARE) if is_odd else range(0)
    return [phone(f"PC-{node:02d}-S{i:03d}", online=i not in lost) for i in range(1, PER_NODE + 1)]


def _metric(session: CDPSession, name: str) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(float(each["value"]) for each in metrics if each["name"] == name)


def _first_paint(browser: Browser, site: Site) -> float:
    """Milliseconds from the navigation to the first contentful paint, in a context of its own."""
    with browser.new_context(base_url=site.url) as context:
        page = _open(context.new_page(), site)
        timing = page.evaluate(
            "new Promise(done => new PerformanceObserver(list => {"
            " for (const each of list.getEntries()) if (each.name === 'first-contentful-paint') done(each.startTime);"
            "}).observe({ type: 'paint', buffered: true }))"
        )
    return float(timing)


def _open(page: Page, site: Site) -> Page:
    page.context.add_cookies([{"name": NAME, "value": site.cookie(Role.VIEWER), "url": site.url}])
    page.goto("/devices", wait_until="load")
    return page


def _poll(page: Page) -> bytes:
    """Let the page ask now, as when its tab is looked at again; the answer's body."""
    with page.expect_response(lambda answer: POLL in answer.url) as waited:
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    body = waited.value.body() if waited.value.status == 200 else b""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return body


def measure(browser: Browser, devices: int, folder: Path) -> dict[str, Any]:
    """The figures of one size."""
    with Site(folder) as site:
        nodes = max(1, devices // PER_NODE)

        async def furnish(lab: Lab) -> None:
            for node in range(nodes):
                await lab.node(f"PC-{node:02d}", PER_NODE)

        site.do(furnish)
        paints = [_first_paint(browser, site) for _ in range(ROUNDS + 1)][1:]
        with browser.new_context(base_url=site.url) as context:
            page = context.new_page()
            page.add_init_script(f"({_OWN_TIME})()")
            _open(page, site)
            page.evaluate(_WATCH_TASKS)
            session = context.new_cdp_session(page)
            session.send("Performance.enable")
            changed, unchanged, sizes = [], [], []
            for number in range(ROUNDS + 1):

                async def beat(lab: Lab, is_odd: bool = number % 2 == 0) -> None:
                    for node in range(nodes):
                        await lab.beat(f"PC-{node:02d}", _phones(node, is_odd))

                site.do(beat)
                before = _metric(session, "TaskDuration")
                sizes.append(len(_poll(page)))
                middle = _metric(session, "TaskDuration")
                _poll(page)
                after = _metric(session, "TaskDuration")
                changed.append((middle - before) * 1000)
                unchanged.append((after - middle) * 1000)
            return {
                "devices": devices,
                "first_paint_ms": median(paints),
                "update_ms": median(changed[1:]),
                "unchanged_ms": median(unchanged[1:]),
                "longest_task_ms": page.evaluate("window.longest"),
                "poll_bytes": max(sizes),
                "heap_mb": _metric(session, "JSHeapUsedSize") / 1e6,
                "elements": page.evaluate("document.getElementsByTagName('*').length"),
                "promised_update_ms": PROMISED_MS.get(devices),
                "promised_longest_task_ms": PROMISED_TASK_MS,
                "promised_poll_bytes": PROMISED_BYTES,
            }


def main(sizes: list[int]) -> int:
    """Returns the exit code."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        rows = []
        for devices in sizes:
            with tempfile.TemporaryDirectory() as folder:
                rows.append(measure(browser, devices, Path(folder)))
        machine = {
            "chromium": browser.version,
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
            "load": os.getloadavg(),
        }
        browser.close()
    names = [name for name in rows[0] if not name.startswith("promised_")]
    print(" ".join(f"{name:>16}" for name in names))
    for row in rows:
        print(" ".join(f"{row[name]:16.1f}" for name in names))
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine, "rounds": ROUNDS, "rows": rows}, indent=1)
    (RESULTS / "heatmap_browser.json").write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main([int(size) for size in sys.argv[1:]] or [1_000, 10_000]))
