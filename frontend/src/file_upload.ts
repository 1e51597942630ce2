/** `<file-upload>`: sends a file as soon as it is chosen, shows how far it is, and keeps its digest for the form. */
import { leave } from "./net";
import { t } from "./text";

const MB = 1_000_000;

class FileUpload extends HTMLElement {
  #sending: XMLHttpRequest | undefined;

  connectedCallback(): void {
    this.#chooser.addEventListener("change", () => this.#send());
    this.querySelector("[data-abort]")?.addEventListener("click", () => this.#sending?.abort());
  }

  disconnectedCallback(): void {
    this.#sending?.abort();
  }

  get #chooser(): HTMLInputElement {
    return this.querySelector("input[type=file]")!;
  }

  #send(): void {
    const file = this.#chooser.files?.[0];
    if (!file) return;
    this.#sending?.abort();
    const request = (this.#sending = new XMLHttpRequest());
    request.open("POST", `/api/files?${new URLSearchParams({ name: file.name })}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-CSRF-Token", document.querySelector<HTMLMetaElement>("meta[name=csrf-token]")!.content);
    request.upload.addEventListener("progress", ({ loaded }) => this.#show(loaded, file.size));
    request.addEventListener("load", () => this.#done(request, file));
    request.addEventListener("error", () => this.#refuse(t("The server did not answer. The file was not sent.")));
    request.addEventListener("loadend", () => this.#going(false));
    this.#refuse("");
    this.#going(true);
    this.#show(0, file.size);
    request.send(file);
  }

  #show(loaded: number, size: number): void {
    const bar = this.querySelector("progress")!;
    bar.value = size ? loaded / size : 1;
    const [sent, whole] = [(loaded / MB).toFixed(1), (size / MB).toFixed(1)];
    this.querySelector("[data-share]")!.textContent = t("{sent} of {whole} MB", { sent, whole });
  }

  #done(request: XMLHttpRequest, file: File): void {
    if (request.status === 401) return leave();
    const answer = JSON.parse(request.responseText || "{}") as { sha256?: string; detail?: string };
    if (!answer.sha256) return this.#refuse(answer.detail ?? t("The file was not sent."));
    this.querySelector<HTMLInputElement>("input[type=hidden]")!.value = answer.sha256;
    this.querySelector("[data-name]")!.textContent = `${file.name} (${(file.size / MB).toFixed(1)} MB)`;
    this.#chooser.value = ""; // or the form would send it again
  }

  #refuse(text: string): void {
    const error = this.querySelector<HTMLElement>(".field-error")!;
    error.textContent = text;
    error.hidden = !text;
  }

  #going(is: boolean): void {
    this.querySelector<HTMLElement>("[data-going]")!.hidden = !is;
    const save = this.closest("form")?.querySelector<HTMLButtonElement>("button.pri");
    if (save) save.disabled = is;
  }
}

customElements.define("file-upload", FileUpload);
