/** What htmx asks for: feedback while it waits, and a toast instead of a swap when it fails. */
import { leave } from "./net";
import { t } from "./text";
import { toast } from "./toast";
import { waiting } from "./waiting";

type Context = { response?: { raw?: Response; status?: number }; text?: string; request?: { headers?: object } };

const ends = new WeakMap<object, () => void>();
const contextOf = (event: Event): Context => (event as CustomEvent<{ ctx: Context }>).detail.ctx ?? {};

document.addEventListener("htmx:before:request", (event) => {
  const source = event.target as Element;
  if (!source.matches("[data-quiet]")) ends.set(contextOf(event), waiting());
});
document.addEventListener("htmx:finally:request", (event) => ends.get(contextOf(event))?.());
document.addEventListener("htmx:after:request", (event) => {
  const { response, text } = contextOf(event);
  const status = response?.raw?.status ?? response?.status ?? 200;
  if (status === 401) leave();
  else if (status >= 400)
    toast(detailOf(text) || t("The request failed ({status}). Nothing was changed.", { status }), "error");
});
document.addEventListener("htmx:error", (event) => {
  if (!(event.target as Element).matches("[data-quiet]"))
    toast(t("The server did not answer. Nothing was changed."), "error");
});

function detailOf(text: string | undefined): string {
  try {
    return (JSON.parse(text ?? "") as { detail?: string }).detail ?? "";
  } catch {
    return "";
  }
}
