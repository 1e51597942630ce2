/**
 * Every form with method="post": sent once, errors put at their fields, what was typed kept. A form whose session has
 * ended is kept as a draft, comes back after the login, and is then as it was.
 * `data-confirm` asks first. `data-keep` leaves a form to the browser. Without JavaScript the same forms simply post.
 */
import { confirmed } from "./confirm";
import { leave } from "./net";
import { t } from "./text";
import { toast } from "./toast";
import { waiting } from "./waiting";

type Problem = { detail?: string; errors?: { path: string; message: string }[] };

document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.keep !== undefined) return keep(event, form);
  event.preventDefault();
  void send(form, (event as SubmitEvent).submitter as HTMLButtonElement | null);
});

/** A form whose answer is a page of its own, such as one that shows a secret: sent by the browser, once. */
function keep(event: Event, form: HTMLFormElement): void {
  if (form.dataset.busy) return event.preventDefault();
  const question = form.dataset.confirm;
  if (question && !form.dataset.confirmed) {
    event.preventDefault();
    const button = (event as SubmitEvent).submitter;
    void confirmed(question, button?.textContent?.trim() ?? "").then((yes) => {
      if (!yes) return;
      form.dataset.confirmed = "1";
      form.requestSubmit();
    });
    return;
  }
  form.dataset.busy = "1";
}

async function send(form: HTMLFormElement, button: HTMLButtonElement | null): Promise<void> {
  if (form.dataset.busy) return;
  const question = button?.dataset.confirm ?? form.dataset.confirm;
  if (question && !(await confirmed(question, button?.textContent?.trim() ?? ""))) return;
  form.dataset.busy = "1";
  button?.setAttribute("aria-disabled", "true");
  const end = waiting();
  clearErrors(form);
  try {
    const body = new FormData(form, button);
    const plain = form.enctype !== "multipart/form-data";
    const answer = await fetch(button?.getAttribute("formaction") ?? form.getAttribute("action") ?? location.href, {
      method: "POST",
      headers: { Accept: "application/problem+json" },
      body: plain ? new URLSearchParams(body as unknown as Record<string, string>) : body,
    });
    if (answer.ok) return done(form, (await answer.json()) as { location?: string });
    if (answer.status === 401) {
      keepDraft(form);
      return leave();
    }
    refuse(form, (await answer.json().catch(() => ({}))) as Problem, answer.status);
  } catch {
    toast(t("The server did not answer. What you typed is still here; send it again."), "error");
  } finally {
    end();
    delete form.dataset.busy;
    button?.removeAttribute("aria-disabled");
  }
}

function done(form: HTMLFormElement, answer: { location?: string }): void {
  const event = new CustomEvent("rackhand:sent", { bubbles: true, cancelable: true, detail: answer });
  if (!form.dispatchEvent(event) || !answer.location) return;
  const target = new URL(answer.location, location.href);
  if (target.pathname === location.pathname && target.search === location.search) location.reload();
  else location.assign(target);
}

/** Shows a problem at the fields that it names, and as a toast. */
export function refuse(form: HTMLFormElement, problem: Problem, status: number): void {
  let first: HTMLElement | undefined;
  let homeless = problem.errors?.length ? "" : problem.detail;
  for (const { path, message } of problem.errors ?? []) {
    const field = nearest(form, path);
    const text = field?.querySelector<HTMLElement>(".field-error");
    if (!field || !text) {
      homeless ||= `${path}: ${message}`;
      continue;
    }
    text.textContent = message;
    text.hidden = false;
    const input = field.querySelector<HTMLElement>("[name]:not([type=hidden])");
    input?.setAttribute("aria-invalid", "true");
    field.closest("details")?.setAttribute("open", "");
    first ??= input ?? undefined;
  }
  first?.focus();
  if (homeless === "") toast(t("Nothing was changed. The fields in question are marked."), "error");
  else toast(homeless ?? t("The request failed ({status}). Nothing was changed.", { status }), "error");
}

function nearest(form: HTMLFormElement, path: string): HTMLElement | null {
  for (let name = path; name; name = name.slice(0, name.lastIndexOf("/"))) {
    const field = form.querySelector<HTMLElement>(`[data-field="${CSS.escape(name)}"]`);
    if (field) return field;
  }
  return null;
}

function clearErrors(form: HTMLFormElement): void {
  for (const error of form.querySelectorAll<HTMLElement>(".field-error")) error.hidden = true;
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
}

/** Several forms of a page may have the same action: the how-manieth it is tells them apart. */
function keyOf(form: HTMLFormElement): string {
  const action = form.getAttribute("action") ?? "";
  const alike = [...document.forms].filter((each) => each.getAttribute("action") === action);
  return `draft ${location.pathname} ${action} ${alike.indexOf(form)}`;
}
const SECRET = ["csrf_token", "idempotency_key"];

function keepDraft(form: HTMLFormElement): void {
  const typed = [...new FormData(form)].filter(
    ([name, value]) => typeof value === "string" && !SECRET.includes(name) && !isPassword(form, name),
  );
  sessionStorage.setItem(keyOf(form), JSON.stringify(typed));
}

function isPassword(form: HTMLFormElement, name: string): boolean {
  return (form.elements.namedItem(name) as HTMLInputElement | null)?.type === "password";
}

/** Puts drafts back into the forms of this page. Elements that build their own fields listen to `rackhand:draft`. */
export function restoreDrafts(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[method=post]")) {
    const draft = sessionStorage.getItem(keyOf(form));
    if (!draft) continue;
    sessionStorage.removeItem(keyOf(form));
    const typed = JSON.parse(draft) as [string, string][];
    if (form.dispatchEvent(new CustomEvent("rackhand:draft", { bubbles: true, cancelable: true, detail: typed })))
      fill(form, typed);
    toast(t("You are logged in again; what you had typed is back."));
  }
}

function fill(form: HTMLFormElement, typed: [string, string][]): void {
  const values = new Map(typed);
  for (const element of form.elements) {
    const input = element as HTMLInputElement;
    const value = values.get(input.name);
    if (value === undefined || input.type === "hidden" || input.type === "file") continue;
    if (input.type === "checkbox" || input.type === "radio") input.checked = input.value === value;
    else input.value = value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

restoreDrafts();
