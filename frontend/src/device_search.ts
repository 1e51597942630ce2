/** <device-search>: fades the tiles that a search does not match, as one types; Enter asks the server for the same. */
import { count, t } from "./text";

const PAUSE_MS = 200;

class DeviceSearch extends HTMLElement {
  #timer = 0;

  connectedCallback(): void {
    const input = this.querySelector("input")!;
    input.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = window.setTimeout(() => void this.#search(input.value.trim()), PAUSE_MS);
    });
    document.addEventListener("rackhand:layout", () => void this.#search(input.value.trim()));
    if (input.value) void this.#search(input.value.trim());
  }

  async #search(text: string): Promise<void> {
    let found: Set<string> | undefined;
    if (text) {
      const answer = await fetch(`/devices/matches?q=${encodeURIComponent(text)}`);
      if (!answer.ok) return;
      found = new Set(((await answer.json()) as { indexes: number[] }).indexes.map(String));
    }
    for (const tile of document.querySelectorAll<HTMLElement>("device-heatmap a[data-i]"))
      tile.classList.toggle("miss", found !== undefined && !found.has(tile.dataset.i!));
    this.querySelector("[data-hits]")!.textContent = found ? t("{n} found", { n: count(found.size) }) : "";
  }
}

customElements.define("device-search", DeviceSearch);

document.addEventListener("click", (event) => {
  const button = (event.target as Element).closest<HTMLElement>("button[data-density]");
  if (button) setDensity(button.dataset.density!);
});

/** Sets the size of the tiles of this page and remembers it. */
function setDensity(density: string): void {
  for (const map of document.querySelectorAll<HTMLElement>("device-heatmap")) map.dataset.density = density;
  for (const button of document.querySelectorAll<HTMLElement>("button[data-density]"))
    button.setAttribute("aria-pressed", String(button.dataset.density === density));
  localStorage.setItem("density", density);
}

const stored = localStorage.getItem("density");
if (stored && document.querySelector(`button[data-density="${stored}"]`)) setDensity(stored);
