/** Before first paint, blocking on purpose: the stored theme, else the system's; and the mark that JavaScript works. */
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

function apply(): void {
  const stored = localStorage.getItem("theme");
  root.dataset.theme = stored === "dark" || stored === "light" ? stored : system.matches ? "dark" : "light";
}

root.classList.add("js");
apply();
system.addEventListener("change", apply);
export {};
