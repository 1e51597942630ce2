/** Short messages in the corner, read out by screen readers; and announcements that are only read out. */
type Kind = "info" | "done" | "error";

const SHOWN_MS = 8000;

/** Shows a message; an error stays until it is clicked. */
export function toast(message: string, kind: Kind = "info"): void {
  const host = document.getElementById("toasts");
  if (!host) return;
  const box = document.createElement("div");
  box.className = "toast";
  box.dataset.kind = kind;
  box.textContent = message;
  box.addEventListener("click", () => box.remove());
  while (host.children.length >= 4) host.firstElementChild?.remove();
  host.append(box);
  if (kind !== "error") setTimeout(() => box.remove(), SHOWN_MS);
}

/** Says something to screen readers only. */
export function announce(message: string): void {
  const host = document.getElementById("announcer");
  if (host) host.textContent = message;
}

for (const notice of document.querySelectorAll("#toasts .toast")) setTimeout(() => notice.remove(), SHOWN_MS);
