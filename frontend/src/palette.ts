/** <command-palette>: type to go to a page, to a device by its number, or to press any marked button of this page. */
import { t } from "./text";

class CommandPalette extends HTMLElement {
  #input!: HTMLInputElement;
  #list!: HTMLElement;
  #own: HTMLElement[] = [];
  #at = 0;

  connectedCallback(): void {
    this.#input = this.querySelector("input")!;
    this.#list = this.querySelector("[role=listbox]")!;
    this.#own = [...this.#list.querySelectorAll<HTMLElement>("[role=option]")];
    this.#input.addEventListener("input", () => this.#show());
    this.#input.addEventListener("keydown", (event) => this.#key(event));
    this.#list.addEventListener("click", (event) => this.#go((event.target as Element).closest("li")));
    this.closest("dialog")?.addEventListener("toggle", (event) => {
      if ((event as ToggleEvent).newState === "closed") this.#input.value = ""; // when opened, somebody types already
      this.#show();
    });
  }

  get #shown(): HTMLElement[] {
    return [...this.#list.querySelectorAll<HTMLElement>("[role=option]:not([hidden])")];
  }

  #show(): void {
    const wanted = this.#input.value.trim().toLowerCase();
    for (const extra of this.#list.querySelectorAll("[data-extra]")) extra.remove();
    for (const option of this.#own)
      option.hidden = !`${option.textContent} ${option.dataset.keys}`.toLowerCase().includes(wanted);
    if (/^\d{1,9}$/.test(wanted)) this.#add(t("Device {index}", { index: wanted }), `/devices/${wanted}`);
    for (const button of document.querySelectorAll<HTMLElement>("main [data-palette]")) {
      const name = button.textContent?.trim() ?? "";
      if (name.toLowerCase().includes(wanted)) this.#add(name, "", button);
    }
    if (wanted)
      this.#add(t("Search devices for “{text}”", { text: wanted }), `/devices?q=${encodeURIComponent(wanted)}`);
    this.#select(0);
  }

  #add(name: string, href: string, button?: HTMLElement): void {
    const option = document.createElement("li");
    option.setAttribute("role", "option");
    option.id = `palette-extra-${this.#list.children.length}`;
    option.dataset.extra = "";
    option.dataset.href = href;
    option.textContent = name;
    if (button) option.addEventListener("click", () => button.click());
    this.#list.append(option);
  }

  #select(at: number): void {
    const shown = this.#shown;
    this.#at = Math.max(0, Math.min(at, shown.length - 1));
    shown.forEach((option, i) => option.setAttribute("aria-selected", String(i === this.#at)));
    shown[this.#at]?.scrollIntoView({ block: "nearest" });
    this.#input.setAttribute("aria-activedescendant", shown[this.#at]?.id ?? "");
  }

  #key(event: KeyboardEvent): void {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.#select(this.#at + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      this.#shown[this.#at]?.click();
    }
  }

  #go(option: HTMLElement | null): void {
    if (!option) return;
    this.closest("dialog")?.close();
    if (option.dataset.href) location.assign(option.dataset.href);
  }
}

customElements.define("command-palette", CommandPalette);
