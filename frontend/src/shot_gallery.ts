/** <shot-gallery>: thumbnails that open in a lightbox: one, two side by side, swiped, or their difference in pixels. */
import { t } from "./text";

type Mode = "one" | "side" | "swipe" | "difference";

/** Two pixels differ if their channels together differ by more than this. */
const TOLERANCE = 48;

class ShotGallery extends HTMLElement {
  connectedCallback(): void {
    this.addEventListener("click", (event) => {
      const link = (event.target as Element).closest("a");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      new Lightbox(this).open([...this.querySelectorAll("a")].indexOf(link));
    });
  }
}

class Lightbox {
  readonly #gallery: HTMLElement;
  readonly #dialog = document.getElementById("lightbox") as HTMLDialogElement;
  readonly #ends = new AbortController();
  #at = 0;

  constructor(gallery: HTMLElement) {
    this.#gallery = gallery;
  }

  open(at: number): void {
    const { signal } = this.#ends;
    this.#dialog.addEventListener("close", () => this.#ends.abort(), { once: true });
    this.#dialog.addEventListener("keydown", (event) => this.#key(event.key), { signal });
    this.#dialog.addEventListener(
      "click",
      (event) => {
        const wanted = (event.target as Element).closest<HTMLElement>("[data-show]")?.dataset.show;
        if (wanted === "next" || wanted === "previous") this.#go(wanted === "next" ? 1 : -1);
        else if (wanted) void this.#show(wanted as Mode);
      },
      { signal },
    );
    const swipe = this.#dialog.querySelector<HTMLInputElement>(".swipe")!;
    swipe.addEventListener("input", () => this.#swipe(swipe.value), { signal });
    this.#at = at;
    this.#dialog.showModal();
    void this.#show("one");
  }

  #key(key: string): void {
    if (key === "ArrowRight" || key === "ArrowLeft") this.#go(key === "ArrowRight" ? 1 : -1);
    if (key === "d") void this.#show(this.#dialog.dataset.mode === "difference" ? "one" : "difference");
  }

  #go(step: number): void {
    this.#at += step;
    void this.#show(this.#dialog.dataset.mode as Mode);
  }

  async #show(mode: Mode): Promise<void> {
    const links = [...this.#gallery.querySelectorAll("a")];
    if (!links.length) return;
    this.#at = (this.#at + links.length) % links.length;
    const pair = [links[this.#at]!, links[(this.#at + 1) % links.length]!];
    const [first, second] = this.#dialog.querySelectorAll("img");
    [first!.src, second!.src] = [pair[0]!.href, pair[1]!.href];
    const captions = pair.map((link) => link.dataset.caption ?? "");
    this.#dialog.querySelector("[data-caption]")!.textContent = mode === "one" ? captions[0]! : captions.join(" · ");
    first!.alt = captions[0]!;
    second!.alt = captions[1]!;
    this.#dialog.dataset.mode = mode;
    for (const button of this.#dialog.querySelectorAll<HTMLElement>("[data-show]"))
      if (button.hasAttribute("aria-pressed"))
        button.setAttribute("aria-pressed", String(button.dataset.show === mode));
    this.#swipe(mode === "swipe" ? this.#dialog.querySelector<HTMLInputElement>(".swipe")!.value : "0");
    const share = this.#dialog.querySelector<HTMLElement>("[data-share]")!;
    share.hidden = mode !== "difference";
    if (mode === "difference") share.textContent = await this.#difference(first!, second!);
  }

  #swipe(percent: string): void {
    this.#dialog.querySelector<HTMLElement>(".second")!.style.clipPath = `inset(0 0 0 ${percent}%)`;
  }

  /** Draws what differs; returns how much, in words. */
  async #difference(first: HTMLImageElement, second: HTMLImageElement): Promise<string> {
    await Promise.all([first.decode(), second.decode()]);
    const canvas = this.#dialog.querySelector("canvas")!;
    [canvas.width, canvas.height] = [first.naturalWidth, first.naturalHeight];
    const context = canvas.getContext("2d", { willReadFrequently: true })!;
    const pixels = (image: HTMLImageElement): ImageData => {
      context.drawImage(image, 0, 0, canvas.width, canvas.height);
      return context.getImageData(0, 0, canvas.width, canvas.height);
    };
    const [one, other] = [pixels(first), pixels(second)];
    let changed = 0;
    for (let i = 0; i < one.data.length; i += 4) {
      let distance = 0;
      let grey = 0;
      for (let channel = i; channel < i + 3; channel++) {
        distance += Math.abs(one.data[channel]! - other.data[channel]!);
        grey += one.data[channel]! / 3;
      }
      if (distance > TOLERANCE) changed++;
      one.data.set(distance > TOLERANCE ? [214, 20, 90] : [grey / 4 + 190, grey / 4 + 190, grey / 4 + 190], i);
    }
    context.putImageData(one, 0, 0);
    return t("{share} % of the pixels differ", {
      share: ((100 * changed) / (canvas.width * canvas.height)).toFixed(1),
    });
  }
}

customElements.define("shot-gallery", ShotGallery);
