/**
 * The panel at the right. A link with `data-drawer` opens there, the address changes with it; Esc, the close button
 * and Back close it, and focus returns to where it came from.
 */
import htmx from "htmx.org/dist/htmx.esm.js";

const drawer = document.getElementById("drawer")!;
let opener: HTMLElement | null = null;

/** Opens `href` in the drawer. */
export async function openDrawer(href: string, from: HTMLElement | null, push = true): Promise<void> {
  opener = from ?? opener;
  mark(from);
  if (push) history.pushState({ drawer: href }, "", href);
  await htmx.ajax("GET", href, { target: "#drawer", swap: "innerHTML" });
}

/** Closes it; `base` is the page's address without it. */
export function closeDrawer(push = true): void {
  if (!drawer.firstElementChild) return;
  const base = drawer.querySelector<HTMLElement>("[data-base]")?.dataset.base ?? location.pathname;
  drawer.replaceChildren();
  mark(null);
  if (push) history.pushState(null, "", base);
  opener?.focus();
  opener = null;
}

function mark(link: Element | null): void {
  for (const marked of document.querySelectorAll("main [aria-current=true]")) marked.removeAttribute("aria-current");
  link?.setAttribute("aria-current", "true");
}

document.addEventListener("click", (event) => {
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const target = event.target as Element;
  const link = target.closest<HTMLAnchorElement>("a[data-drawer]");
  if (link) {
    event.preventDefault();
    void openDrawer(link.href, link);
  } else if (target.closest("[data-close-drawer]")) {
    event.preventDefault();
    closeDrawer();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) closeDrawer();
});
addEventListener("popstate", (event) => {
  const href = (event.state as { drawer?: string } | null)?.drawer;
  if (href) void openDrawer(href, null, false);
  else closeDrawer(false);
});
