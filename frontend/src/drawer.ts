/**
 * The panel at the right. A link with `data-drawer` opens there, and what a form with it leads to; the address changes with it; Esc, the close button
 * and Back close it, and focus returns to where it came from.
 */
import htmx from "htmx.org/dist/htmx.esm.js";

const drawer = document.getElementById("drawer")!;
let opener: HTMLElement | null = null;
let shown = "";

/** Opens `href` in the drawer. Of several that are asked for the last one opens; one that is refused changes nothing. */
export async function openDrawer(href: string, from: HTMLElement | null, push = true): Promise<void> {
  const before = drawer.firstElementChild;
  await htmx.ajax("GET", href, { source: drawer, target: "#drawer", swap: "innerHTML" });
  const now = drawer.firstElementChild;
  if (!now || now === before) return;
  note(href, from);
  if (push) history.pushState({ drawer: href }, "", href);
}

/** Closes it; `base` is the page's address without it. */
export function closeDrawer(push = true): void {
  drawer.dispatchEvent(new Event("htmx:abort"));
  if (!drawer.firstElementChild) return;
  const base = drawer.querySelector<HTMLElement>("[data-base]")?.dataset.base ?? location.pathname;
  const back = opener?.isConnected ? opener : linkTo(shown);
  drawer.replaceChildren();
  mark(null);
  if (push) history.pushState(null, "", base);
  back?.focus();
  opener = null;
  shown = "";
}

/** Remembers what is open, and where the focus goes when it closes. */
function note(href: string, from: HTMLElement | null): void {
  shown = new URL(href, location.href).pathname;
  opener = from ?? linkTo(shown);
  mark(opener);
}

/** The tile, or else another link, that leads to what is open. */
function linkTo(path: string): HTMLElement | null {
  const link = `a[data-drawer][href="${CSS.escape(path)}"]`;
  return document.querySelector<HTMLElement>(`device-heatmap ${link}`) ?? document.querySelector(`main ${link}`);
}

function mark(link: Element | null): void {
  for (const marked of document.querySelectorAll("main [aria-current=true]")) marked.removeAttribute("aria-current");
  link?.setAttribute("aria-current", "true");
}

document.addEventListener("click", (event) => {
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const target = event.target as Element;
  const link = target.closest<HTMLElement>("a[data-drawer]"); // of HTML, or of the timeline's SVG
  if (link) {
    event.preventDefault();
    void openDrawer(link.getAttribute("href")!, link);
  } else if (target.closest("[data-close-drawer]")) {
    event.preventDefault();
    closeDrawer();
  }
});
document.addEventListener("rackhand:sent", (event) => {
  const { location: href } = (event as CustomEvent<{ location?: string }>).detail;
  if (!href || !(event.target as Element).matches("form[data-drawer]")) return;
  event.preventDefault(); // what the form started is shown here
  void openDrawer(href, opener);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.isComposing && !document.querySelector("dialog[open]")) closeDrawer();
});
addEventListener("popstate", (event) => {
  const href = (event.state as { drawer?: string } | null)?.drawer;
  if (href) void openDrawer(href, null, false);
  else if (location.pathname !== shown) closeDrawer(false); // else a link to a line of what is open
});

htmx.config.history = false; // or it would replace the state of every entry with its own, and the body on Back
drawer.setAttribute("hx-sync", "replace");
if (drawer.firstElementChild) {
  history.replaceState({ drawer: location.pathname }, "");
  note(location.pathname, null);
}
