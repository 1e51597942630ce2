/** The connection pill, and the note under it when requests are slow. Nothing is ever blanked. */
import { onConnection } from "./net";
import { t } from "./text";

const pill = document.getElementById("connection");
const LABELS = {
  live: t("Live"),
  checking: t("Checking connection…"),
  offline: t("Connection lost – showing the last known state"),
};

onConnection((state) => {
  if (!pill) return;
  pill.dataset.state = state;
  const label = pill.querySelector("span");
  if (label && label.textContent !== LABELS[state]) label.textContent = LABELS[state];
});
