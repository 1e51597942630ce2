/** The frame of every page: theme button, dialogs, keyboard shortcuts. */
import { t } from "./text";
import { toast } from "./toast";

const root = document.documentElement;
const GOTO: Record<string, string> = { h: "/", d: "/devices", c: "/commands", r: "/runs", s: "/settings" };
let afterG = 0;

document.getElementById("theme")?.addEventListener("click", () => {
  const theme = root.dataset.theme === "dark" ? "light" : "dark";
  root.dataset.theme = theme;
  localStorage.setItem("theme", theme);
});

/** Opens a `<dialog>` by id. */
export function openDialog(id: string): void {
  const dialog = document.getElementById(id) as HTMLDialogElement | null;
  if (dialog && !dialog.open) dialog.showModal();
}

document.addEventListener("click", (event) => {
  const target = event.target as Element;
  const opener = target.closest<HTMLElement>("[data-open]");
  if (opener) openDialog(opener.dataset.open!);
  const dialog = target.closest("dialog");
  if (dialog && (target === dialog || target.closest("[data-close]"))) dialog.close();
});

document.addEventListener("click", (event) => {
  const button = (event.target as Element).closest<HTMLElement>("[data-copy]");
  const source = button && document.getElementById(button.dataset.copy!);
  if (source) void copy(source);
});

/** Copies a text; where the browser allows it on secure pages only, it is selected for Ctrl-C. */
async function copy(source: HTMLElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(source.textContent ?? "");
    toast(t("Copied"), "done");
  } catch {
    getSelection()?.selectAllChildren(source);
    toast(t("Press Ctrl-C to copy the marked text"));
  }
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openDialog("palette");
    return;
  }
  const target = event.target as HTMLElement;
  const typing = target.matches("input:not([type=checkbox], [type=radio], [type=range]), textarea, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const page = GOTO[event.key];
  if (Date.now() - afterG < 1500 && page) location.assign(page);
  afterG = event.key === "g" ? Date.now() : 0;
  if (event.key === "?") openDialog("shortcuts");
  if (event.key === "/") {
    const search = document.querySelector<HTMLInputElement>("main input[type=search]");
    if (search) event.preventDefault();
    search?.focus();
  }
});
