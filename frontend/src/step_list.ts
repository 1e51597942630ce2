/**
 * `<step-list>`: the builder's form. Rows are drawn by the server; here they are ordered, numbered, doubled, and kept:
 * the order of the rows is the order that is posted, and what was not saved survives leaving the page.
 */
import { PlanPreview } from "./plan_preview";
import { t } from "./text";
import { announce, toast } from "./toast";

type Pairs = [string, string][];
const SECRET = ["csrf_token", "idempotency_key"];
const NUMBERED = ["name", "id", "for", "data-field", "aria-describedby"];

class StepList extends HTMLElement {
  #plan = new PlanPreview(this);
  #saving = 0;
  #isDirty = false;

  connectedCallback(): void {
    this.addEventListener("click", (event) => this.#press(event));
    this.addEventListener("keydown", (event) => this.#key(event));
    this.addEventListener("pointerdown", (event) => this.#grab(event));
    this.addEventListener("input", () => this.#changed());
    this.addEventListener("rackhand:sent", (event) => this.#sent(event as CustomEvent<{ location?: string }>));
    this.addEventListener("rackhand:draft", (event) => {
      event.preventDefault();
      void this.#draw((event as CustomEvent<Pairs>).detail);
    });
    document.addEventListener("click", (event) => {
      const button = (event.target as Element).closest<HTMLElement>("button[data-add]");
      if (!button) return;
      event.preventDefault();
      void this.#add(button.dataset.add!, false);
    });
    addEventListener("pageshow", (event) => event.persisted && this.#newKey());
    addEventListener("pagehide", () => this.#keep());
    const kept = sessionStorage.getItem(this.#key_of_draft);
    if (kept) void this.#draw(JSON.parse(kept) as Pairs, true);
    else this.#plan.refresh(0);
  }

  get form(): HTMLFormElement {
    return this.querySelector("form") as HTMLFormElement;
  }

  get rows(): HTMLLIElement[] {
    return [...this.querySelectorAll<HTMLLIElement>("li.step")];
  }

  /** Everything that was typed. */
  pairs(): Pairs {
    return [...new FormData(this.form)].filter(([name]) => !SECRET.includes(name)) as Pairs;
  }

  /** Posts the form as it is typed, and gives the answer's HTML. */
  async ask(url: string, pairs: Pairs, doing: string, signal?: AbortSignal): Promise<string> {
    const token = (this.form.elements.namedItem("csrf_token") as HTMLInputElement).value;
    const body = new URLSearchParams([["csrf_token", token], ["do", doing], ...pairs]);
    const headers = { "HX-Request": "true", Accept: "text/html" };
    const answer = await fetch(url, { method: "POST", headers, body, signal: signal ?? null });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.text();
  }

  get #key_of_draft(): string {
    const base = this.form?.elements.namedItem("/playbook_id") as HTMLInputElement | null;
    return `builder ${base?.value ?? ""}`;
  }

  async #draw(pairs: Pairs, isRestored = false, doing = "draw"): Promise<void> {
    try {
      const html = await this.ask("/playbooks/draft", pairs, doing);
      const drawn = new DOMParser().parseFromString(html, "text/html").querySelector("step-list");
      if (!drawn) return;
      this.replaceChildren(...drawn.childNodes);
      if (isRestored) this.querySelector<HTMLElement>(".draft-note")?.removeAttribute("hidden");
      this.#changed();
    } catch {
      toast(t("The server did not answer. What you typed is still here; send it again."), "error");
    }
  }

  #changed(): void {
    this.#isDirty = true;
    clearTimeout(this.#saving);
    this.#saving = window.setTimeout(() => this.#keep(), 200);
    this.#plan.refresh();
  }

  #keep(): void {
    if (this.#isDirty) sessionStorage.setItem(this.#key_of_draft, JSON.stringify(this.pairs()));
  }

  #forget(): void {
    clearTimeout(this.#saving);
    this.#isDirty = false;
    sessionStorage.removeItem(this.#key_of_draft);
  }

  #sent(event: CustomEvent<{ location?: string }>): void {
    if (event.detail.location?.startsWith("/runs/")) this.#keep();
    else this.#forget();
  }

  /** A page that the browser kept is a new intention: sending it again is no repetition. */
  #newKey(): void {
    const field = this.form.elements.namedItem("idempotency_key") as HTMLInputElement;
    field.value = [...crypto.getRandomValues(new Uint8Array(16))].map((n) => n.toString(36)).join("");
  }

  #press(event: Event): void {
    const button = (event.target as Element).closest<HTMLButtonElement>("button");
    if (!button || !this.contains(button)) return;
    if (button.dataset.discard !== undefined) {
      this.#forget();
      location.reload();
    }
    if (button.name !== "do" || button.value === "save" || button.value === "run") return;
    event.preventDefault();
    const row = button.closest<HTMLLIElement>("li.step");
    const verb = button.value.split(":")[0];
    if (verb === "add") this.#add((this.form.elements.namedItem("add") as HTMLSelectElement).value, true);
    else if (verb === "update") void this.#draw(this.pairs(), false, "update");
    else if (row && verb === "up") this.#move(row, -1, button);
    else if (row && verb === "down") this.#move(row, 1, button);
    else if (row && verb === "duplicate") this.#duplicate(row);
    else if (row && verb === "delete") this.#remove(row);
  }

  #key(event: KeyboardEvent): void {
    const row = (event.target as Element).closest<HTMLLIElement>("li.step");
    if (!row || !event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
    event.preventDefault();
    this.#move(row, event.key === "ArrowUp" ? -1 : 1, document.activeElement as HTMLElement);
  }

  async #add(asset: string, isFocused: boolean): Promise<void> {
    try {
      const url = `/playbooks/step?${new URLSearchParams({ asset_id: asset, index: String(this.rows.length) })}`;
      const answer = await fetch(url, { headers: { "HX-Request": "true" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const row = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("li.step");
      if (!row) return;
      this.querySelector("ol.steps")?.append(row);
      this.#number();
      row.scrollIntoView({ block: "nearest" });
      if (isFocused) row.querySelector<HTMLElement>("input[type=range]")?.focus();
      announce(t("Added as step {n}: {title}", { n: this.rows.length, title: titleOf(row) }));
    } catch {
      toast(t("The step could not be added. Try again."), "error");
    }
  }

  /** Moves a row by one place; the focus stays where it was. */
  #move(row: HTMLLIElement, by: 1 | -1, focus: HTMLElement): void {
    const neighbour = by < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (!neighbour) return;
    if (by < 0) row.after(neighbour);
    else row.before(neighbour);
    this.#moved(row);
    focus.focus();
  }

  #moved(row: Element): void {
    this.#number();
    row.scrollIntoView({ block: "nearest" });
    announce(t("Moved to position {n}", { n: this.rows.indexOf(row as HTMLLIElement) + 1 }));
  }

  #duplicate(row: HTMLLIElement): void {
    const copy = row.cloneNode(true) as HTMLLIElement;
    const typed = [...row.querySelectorAll<HTMLInputElement>("[name]")];
    for (const [i, field] of [...copy.querySelectorAll<HTMLInputElement>("[name]")].entries())
      if (field.tagName !== "BUTTON") field.value = typed[i]?.value ?? "";
    row.after(copy);
    this.#number();
    copy.querySelector<HTMLElement>("input[type=range]")?.focus();
    announce(t("Added as step {n}: {title}", { n: this.rows.indexOf(copy) + 1, title: titleOf(copy) }));
  }

  #remove(row: HTMLLIElement): void {
    const next = (row.nextElementSibling ?? row.previousElementSibling) as HTMLElement | null;
    row.remove();
    this.#number();
    (next ?? this.querySelector<HTMLElement>("#builder-add"))?.focus();
    announce(t("Removed: {title}", { title: titleOf(row) }));
  }

  /** Names, ids and buttons of every row say its place. */
  #number(): void {
    for (const [i, row] of this.rows.entries()) {
      for (const element of [row, ...row.querySelectorAll("*")]) {
        const names = element.tagName === "BUTTON" ? ["value"] : NUMBERED;
        for (const name of names) {
          const text = element.getAttribute(name);
          if (text) element.setAttribute(name, text.replace(/(^\/steps\/|\bs-|^\w+:)\d+/g, `$1${i}`));
        }
      }
      const number = row.querySelector(".n");
      if (number) number.textContent = String(i + 1);
    }
    this.#changed();
  }

  /** Drags a row by its grip. The neighbour is moved, not the row: a row put in anew would lose the pointer. */
  #grab(event: PointerEvent): void {
    const grip = (event.target as Element).closest<HTMLElement>(".grip");
    const row = grip?.closest<HTMLLIElement>("li.step");
    if (!grip || !row || event.button !== 0) return;
    event.preventDefault();
    grip.focus();
    grip.setPointerCapture(event.pointerId);
    row.classList.add("dragged");
    const from = this.rows.indexOf(row);
    const offset = event.clientY - row.getBoundingClientRect().top;
    const move = (at: PointerEvent): void => follow(row, at.clientY - offset);
    const end = (): void => {
      grip.removeEventListener("pointermove", move);
      row.classList.remove("dragged");
      row.style.transform = "";
      if (this.rows.indexOf(row) !== from) this.#moved(row);
    };
    grip.addEventListener("pointermove", move);
    grip.addEventListener("lostpointercapture", end, { once: true });
  }
}

/** Puts the row under the pointer: past half a neighbour it changes places with it. */
function follow(row: HTMLLIElement, top: number): void {
  row.style.transform = "";
  for (;;) {
    const before = row.previousElementSibling;
    const after = row.nextElementSibling;
    const height = row.offsetHeight;
    if (before && top < middle(before)) row.after(before);
    else if (after && top + height > middle(after)) row.before(after);
    else break;
  }
  row.style.transform = `translateY(${top - row.getBoundingClientRect().top}px)`;
}

function middle(element: Element): number {
  const box = element.getBoundingClientRect();
  return box.top + box.height / 2;
}

function titleOf(row: Element): string {
  return (row as HTMLElement).dataset.title ?? "";
}

customElements.define("step-list", StepList);
export type { StepList };
