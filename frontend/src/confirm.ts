/** Asks before something that cannot be undone. */

/** Shows `question`; true if the button named `yes` was chosen. */
export function confirmed(question: string, yes: string): Promise<boolean> {
  const dialog = document.getElementById("confirm") as HTMLDialogElement;
  dialog.querySelector("h2")!.textContent = question;
  dialog.querySelector("button[value=yes]")!.textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
