/**
 * <log-view data-src data-period data-last>: the lines that the server drew, and new ones by cursor. Follows the end until
 * one scrolls up; searches, wraps, downloads. Lines are text nodes: nothing in a log is ever markup.
 */
import { poll, type Poll } from "./net";
import { count, t } from "./text";

type Line = { line: number; step_index: number; text: string };
type Answer = { lines: Line[]; last_line: number };

const MOST_LINES = 5000;
const ERROR = /^!|\b(error|exception|fatal|fail(ed|ure)?)\b/i;
const WARNING = /\bwarn(ing)?\b/i;

class LogView extends HTMLElement {
  #list!: HTMLOListElement;
  #box!: HTMLElement;
  #last = 0;
  #follows = true;
  #wanted = "";
  #poll: Poll | undefined;

  connectedCallback(): void {
    this.#list = this.querySelector("ol")!;
    this.#box = this.querySelector(".log-scroll")!;
    this.#last = Number(this.dataset.last);
    for (const row of this.#list.children) tint(row as HTMLElement, row.querySelector("span")?.textContent ?? "");
    this.#box.addEventListener("scroll", () => this.#onScroll());
    this.#button("follow")?.addEventListener("click", () => this.#end());
    this.#button("wrap")?.addEventListener("click", (event) => {
      const on = this.classList.toggle("wrap");
      (event.currentTarget as Element).setAttribute("aria-pressed", String(on));
    });
    this.#button("download")?.addEventListener("click", () => this.#download());
    this.querySelector("input")?.addEventListener("input", (event) =>
      this.#search((event.target as HTMLInputElement).value),
    );
    const src = this.dataset.src;
    if (src)
      this.#poll = poll(
        () => `${src}?after=${this.#last}`,
        Number(this.dataset.period),
        (answer: Answer) => this.#add(answer.lines),
      );
    if (!location.hash) this.#end();
  }

  disconnectedCallback(): void {
    this.#poll?.stop();
  }

  #button(name: string): HTMLElement | null {
    return this.querySelector(`[data-log=${name}]`);
  }

  #onScroll(): void {
    this.#follows = this.#box.scrollTop + this.#box.clientHeight > this.#box.scrollHeight - 32;
    this.#button("follow")?.setAttribute("aria-pressed", String(this.#follows));
  }

  #end(): void {
    this.#box.scrollTop = this.#box.scrollHeight;
  }

  #add(lines: Line[]): void {
    const fresh = lines.filter(({ line }) => line > this.#last);
    if (!fresh.length) return;
    this.querySelector("[data-empty]")?.remove();
    const added = document.createDocumentFragment();
    for (const line of fresh) added.append(this.#row(line));
    this.#list.append(added);
    this.#last = fresh[fresh.length - 1]!.line;
    while (this.#list.children.length > MOST_LINES) this.#list.firstElementChild!.remove();
    if (this.#wanted) this.#search(this.#wanted);
    if (this.#follows) this.#end();
  }

  #row({ line, step_index, text }: Line): HTMLLIElement {
    const row = document.createElement("li");
    const link = document.createElement("a");
    const step = document.createElement("small");
    const said = document.createElement("span");
    row.id = `L${line}`;
    link.href = `#L${line}`;
    link.setAttribute("aria-label", t("Line {n}", { n: line }));
    link.textContent = String(line);
    step.textContent = String(step_index + 1);
    said.textContent = text;
    row.append(link, step, said);
    tint(row, text);
    return row;
  }

  #search(wanted: string): void {
    this.#wanted = wanted.toLowerCase();
    let hits = 0;
    for (const row of this.#list.children as HTMLCollectionOf<HTMLElement>) {
      const hit = !this.#wanted || (row.querySelector("span")?.textContent ?? "").toLowerCase().includes(this.#wanted);
      row.hidden = !hit;
      if (hit) hits++;
    }
    this.querySelector("[data-hits]")!.textContent = this.#wanted ? t("{n} lines", { n: count(hits) }) : "";
  }

  #download(): void {
    const texts = [...this.#list.querySelectorAll("span")].map((said) => said.textContent);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([texts.join("\n") + "\n"], { type: "text/plain" }));
    link.download = `${location.pathname.split("/").filter(Boolean).join("-")}.log`;
    link.click();
    URL.revokeObjectURL(link.href);
  }
}

/** Marks errors and warnings with a letter as well as a colour. */
function tint(row: HTMLElement, text: string): void {
  if (ERROR.test(text)) row.dataset.level = "E";
  else if (WARNING.test(text)) row.dataset.level = "W";
}

customElements.define("log-view", LogView);
