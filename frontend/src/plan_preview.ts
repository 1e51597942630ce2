/** The plan of the builder: asked for a moment after the last change; and how often each step is likely to run. */
import type { StepList } from "./step_list";
import { count, t } from "./text";

const PAUSE_MS = 400;

export class PlanPreview {
  #timer = 0;
  #asked: AbortController | undefined;
  #devices: number | undefined;

  constructor(private readonly builder: StepList) {}

  /** Shows what is known at once, and asks the server after a pause. */
  refresh(pause = PAUSE_MS): void {
    this.#expect();
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#ask(), pause);
  }

  async #ask(): Promise<void> {
    if (this.builder.form.querySelector("fieldset[disabled]")) return;
    this.#asked?.abort();
    this.#asked = new AbortController();
    const box = this.builder.querySelector<HTMLElement>(".plan-box");
    try {
      const html = await this.builder.ask("/playbooks/preview", this.builder.pairs(), "preview", this.#asked.signal);
      const drawn = new DOMParser().parseFromString(html, "text/html");
      for (const part of [".plan", ".run-values"]) {
        const [old, fresh] = [box?.querySelector<HTMLElement>(part), drawn.querySelector<HTMLElement>(part)];
        const isSame = part === ".run-values" && old?.dataset.names === fresh?.dataset.names;
        if (old && fresh && !isSame) old.replaceWith(fresh);
      }
      const devices = box?.querySelector<HTMLElement>(".plan")?.dataset.devices;
      this.#devices = devices === undefined ? undefined : Number(devices);
      box?.classList.remove("stale");
      this.#expect();
    } catch (error) {
      if ((error as Error).name !== "AbortError") box?.classList.add("stale");
    }
  }

  #expect(): void {
    for (const slider of this.builder.querySelectorAll<HTMLInputElement>(".chance input")) {
      const share = Number(slider.value);
      const percent = `${Math.round(share * 10000) / 100}%`;
      slider.setAttribute("aria-valuetext", percent);
      const box = slider.closest(".chance");
      const output = box?.querySelector("output");
      const expected = box?.querySelector(".expected");
      if (output) output.textContent = percent;
      if (expected && this.#devices !== undefined) expected.textContent = expectation(this.#devices, share);
    }
  }
}

/** Binomial, 95 % within 1.96 standard deviations, as the server's plan (core/plan.py). */
function expectation(total: number, share: number): string {
  if (share >= 1) return t("all {total} devices", { total: count(total) });
  if (share <= 0) return t("no device");
  const mean = total * share;
  const spread = 1.96 * Math.sqrt(mean * (1 - share));
  return t("about {n} of {total} devices (95%: {low}–{high})", {
    n: count(Math.round(mean)),
    total: count(total),
    low: count(Math.max(0, Math.round(mean - spread))),
    high: count(Math.min(total, Math.round(mean + spread))),
  });
}
