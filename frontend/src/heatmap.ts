/**
 * <device-heatmap data-src data-period data-rev data-layout>: tiles drawn by the server, kept fresh by one small poll.
 * A code is `online << 3 | activity`. Of the fleet (data-rev) a poll asks for what changed since the last answer, of a
 * run for one hex digit per device in the order of indexes; only tiles that differ are touched. A new layout (a device
 * came, went or moved) draws the racks anew. Arrows move, `e` goes to the next error.
 */
import { poll, type Poll } from "./net";
import { announce } from "./toast";
import { count, t } from "./text";

type FleetAnswer = {
  rev: number;
  layout: number;
  full: boolean;
  packed: string;
  changed: [at: number, code: number][];
};
type Answer = FleetAnswer | { heatmap: { packed: string | null } };
type Tile = HTMLAnchorElement;

const TONES = ["idle", "running", "waiting", "error", "done"];
const ACTIVITIES = [t("idle"), t("running"), t("waiting"), t("error"), t("done")];
const ERROR = 3;

class DeviceHeatmap extends HTMLElement {
  #tiles: Tile[] = [];
  #codes = new Uint8Array();
  #current = 0;
  #poll: Poll | undefined;
  /** What the next poll knows already; empty: it asks for every tile. */
  #since = "";

  connectedCallback(): void {
    this.#read();
    this.addEventListener("keydown", (event) => this.#key(event));
    this.addEventListener("focusin", (event) => this.#rove(this.#tiles.indexOf(event.target as Tile)));
    const src = this.dataset.src;
    if (src)
      this.#poll = poll(
        () => src + this.#since,
        Number(this.dataset.period),
        (answer: Answer) => this.apply(answer),
      );
  }

  disconnectedCallback(): void {
    this.#poll?.stop();
  }

  /** Looks at the tiles that the server drew. */
  #read(): void {
    this.#tiles = [...this.querySelectorAll<Tile>("a[data-i]")].sort(
      (a, b) => Number(a.dataset.i) - Number(b.dataset.i),
    );
    this.#codes = Uint8Array.from(this.#tiles, (tile) => Number(tile.dataset.c));
    this.#current = 0;
    this.#tiles.forEach((tile, at) => (tile.tabIndex = at ? -1 : 0));
    this.#know(this.dataset.rev);
  }

  #know(rev: number | string | undefined): void {
    this.#since = rev === undefined ? "" : `&since=${rev}&layout=${this.dataset.layout}`;
  }

  /** Shows an answer of the server. */
  apply(answer: Answer): void {
    const packed = "heatmap" in answer ? answer.heatmap.packed : answer.full ? answer.packed : null;
    const isMoved = "layout" in answer && String(answer.layout) !== this.dataset.layout;
    if (isMoved || (packed !== null && packed.length !== this.#tiles.length)) {
      this.#since = "";
      void this.#redraw();
      return;
    }
    const racks = new Set<Element>();
    const isRun = "heatmap" in answer;
    for (let at = 0; packed !== null && at < packed.length; at++) {
      const digit = parseInt(packed[at]!, 16);
      this.#show(at, isRun ? digit | (digit === 0 ? this.#codes[at]! & 8 : 8) : digit, racks);
    }
    if (!isRun) {
      for (const [at, code] of answer.changed) this.#show(at, code, racks);
      this.#know(answer.rev);
    }
    for (const rack of racks) this.#countRack(rack);
    this.#countAll();
  }

  /** Gives a tile its code; a rack whose count of devices online changes with it goes to `racks`. */
  #show(at: number, code: number, racks: Set<Element>): void {
    if (code === this.#codes[at]) return;
    const tile = this.#tiles[at]!;
    if ((code ^ this.#codes[at]!) & 8) racks.add(tile.closest(".rack")!);
    this.#codes[at] = code;
    tile.dataset.c = String(code);
    tile.setAttribute(
      "aria-label",
      `${tile.dataset.i} · ${code & 8 ? t("online") : t("offline")} · ${ACTIVITIES[code & 7]}`,
    );
  }

  #countRack(rack: Element): void {
    let online = 0;
    for (const tile of rack.querySelectorAll<Tile>("a[data-i]")) if (Number(tile.dataset.c) >= 8) online++;
    rack.querySelector("[data-online]")!.textContent = count(online);
  }

  #countAll(): void {
    const counts: Record<string, number> = {};
    for (const code of this.#codes) {
      const tone = code < 8 ? "offline" : TONES[code & 7]!;
      counts[tone] = (counts[tone] ?? 0) + 1;
    }
    for (const shown of document.querySelectorAll<HTMLElement>("main [data-count]")) {
      const amount = counts[shown.dataset.count!] ?? 0;
      if (shown.textContent === count(amount)) continue;
      shown.textContent = count(amount);
      shown.closest("button")?.toggleAttribute("data-empty", amount === 0);
    }
  }

  /** The page's own racks, as the server draws them now; selection, filter and density stay. */
  async #redraw(): Promise<void> {
    const page = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!page.ok) return;
    const parsed = new DOMParser().parseFromString(await page.text(), "text/html");
    const fresh = parsed.querySelector<DeviceHeatmap>("device-heatmap");
    if (!fresh) return location.reload();
    const chosen = this.querySelector<Tile>("[aria-current=true]")?.dataset.i;
    this.replaceChildren(...fresh.children);
    for (const name of ["rev", "layout"]) if (fresh.dataset[name]) this.dataset[name] = fresh.dataset[name];
    this.#read();
    this.#countAll();
    if (chosen) this.querySelector(`a[data-i="${chosen}"]`)?.setAttribute("aria-current", "true");
    this.dispatchEvent(new Event("rackhand:layout", { bubbles: true }));
  }

  #rove(at: number): void {
    if (at < 0 || at === this.#current) return;
    const before = this.#tiles[this.#current];
    if (before) before.tabIndex = -1;
    this.#current = at;
    this.#tiles[at]!.tabIndex = 0;
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const to = this.#target(event.key);
    if (to === undefined) return;
    event.preventDefault();
    if (to < 0) announce(t("No device is in error"));
    else this.#tiles[to]?.focus();
  }

  #target(key: string): number | undefined {
    const last = this.#tiles.length - 1;
    if (key === "ArrowRight") return Math.min(this.#current + 1, last);
    if (key === "ArrowLeft") return Math.max(this.#current - 1, 0);
    if (key === "ArrowDown") return this.#vertical(1);
    if (key === "ArrowUp") return this.#vertical(-1);
    if (key === "Home") return 0;
    if (key === "End") return last;
    if (key === "e") return this.#nextError();
    return undefined;
  }

  #nextError(): number {
    for (let step = 1; step <= this.#codes.length; step++) {
      const at = (this.#current + step) % this.#codes.length;
      if ((this.#codes[at]! & 7) === ERROR) return at;
    }
    return -1;
  }

  /** The nearest tile in the next row, above or below. */
  #vertical(step: 1 | -1): number {
    const from = this.#tiles[this.#current]!.getBoundingClientRect();
    let best = this.#current;
    let distance = Infinity;
    for (let at = this.#current + step; at >= 0 && at < this.#tiles.length; at += step) {
      const box = this.#tiles[at]!.getBoundingClientRect();
      const down = (box.top - from.top) * step;
      if (down < 4) continue;
      const score = Math.abs(box.left - from.left) + down * 3;
      if (score < distance) [best, distance] = [at, score];
      else if (down > from.height * 4) break;
    }
    return best;
  }
}

customElements.define("device-heatmap", DeviceHeatmap);

document.addEventListener("click", (event) => {
  const button = (event.target as Element).closest<HTMLElement>(".legend [data-tone]");
  if (!button) return;
  const on = button.getAttribute("aria-pressed") !== "true";
  for (const other of document.querySelectorAll(".legend [data-tone]"))
    other.setAttribute("aria-pressed", String(other === button && on));
  for (const map of document.querySelectorAll<HTMLElement>("device-heatmap")) {
    if (on) map.dataset.only = button.dataset.tone!;
    else delete map.dataset.only;
  }
});
