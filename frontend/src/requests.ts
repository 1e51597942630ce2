/**
 * What htmx asks for: feedback while it waits, and a toast instead of a swap when it fails. Polls (`data-quiet`) give no
 * feedback but the connection pill's; they rest while the tab is hidden and ask at once when it is looked at again.
 */
import { leave, watch } from "./net";
import { t } from "./text";
import { toast } from "./toast";
import { waiting } from "./waiting";

type Context = { sourceElement?: Element; response?: { raw?: Response; status?: number }; text?: string };

const ends = new WeakMap<object, () => void>();
const contextOf = (event: Event): Context => (event as CustomEvent<{ ctx: Context }>).detail.ctx ?? {};
const statusOf = ({ response }: Context): number => response?.raw?.status ?? response?.status ?? 0;
const isPoll = (event: Event): boolean => contextOf(event).sourceElement?.matches("[data-quiet]") ?? false;

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  for (const poll of document.querySelectorAll("[data-quiet][hx-trigger]")) poll.dispatchEvent(new Event("every"));
});
document.addEventListener("htmx:before:request", (event) => {
  const context = contextOf(event);
  if (!isPoll(event)) return void ends.set(context, waiting());
  if (document.hidden) return event.preventDefault();
  const end = watch();
  ends.set(context, () => end(statusOf(context) > 0 && statusOf(context) < 500));
});
document.addEventListener("htmx:finally:request", (event) => ends.get(contextOf(event))?.());
document.addEventListener("htmx:after:request", (event) => {
  const context = contextOf(event);
  const [status, text] = [statusOf(context), context.text];
  if (status === 401) leave();
  else if (status >= 400 && !isPoll(event))
    toast(detailOf(text) || t("The request failed ({status}). Nothing was changed.", { status }), "error");
});
document.addEventListener("htmx:error", (event) => {
  if (!isPoll(event)) toast(t("The server did not answer. Nothing was changed."), "error");
});

function detailOf(text: string | undefined): string {
  try {
    return (JSON.parse(text ?? "") as { detail?: string }).detail ?? "";
  } catch {
    return "";
  }
}
