/** <wait-badge data-left>: what is left of a device's grace, counted down between two polls; the server has the truth. */
import { t } from "./text";

class WaitBadge extends HTMLElement {
  static readonly observedAttributes = ["data-left"];
  #end = 0;
  #timer = 0;

  attributeChangedCallback(): void {
    this.#end = Date.now() + Number(this.dataset.left);
    this.#draw();
  }

  connectedCallback(): void {
    this.#timer = window.setInterval(() => this.#draw(), 250);
  }

  disconnectedCallback(): void {
    clearInterval(this.#timer);
  }

  #draw(): void {
    const text = t("WAIT {s} s", { s: Math.max(0, Math.ceil((this.#end - Date.now()) / 1000)) });
    if (this.textContent !== text) this.textContent = text;
  }
}

customElements.define("wait-badge", WaitBadge);
