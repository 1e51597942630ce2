/** `<time data-time>`: the reader's own time zone, and ages that go on ageing; `data-own-zone`: a field for that zone. */
import { language } from "./text";

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];
const moments = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
const ages = new Intl.RelativeTimeFormat(language, { numeric: "always" });

function age(at: number): string {
  const seconds = Math.max(0, Math.round((Date.now() - at) / 1000));
  const [unit, size] = UNITS.find(([, size]) => seconds >= size * (size > 1 ? 1.5 : 1)) ?? ["second", 1];
  return ages.format(-Math.floor(seconds / size), unit);
}

/** Draws all times of the page anew. */
export function drawTimes(root: ParentNode = document): void {
  for (const time of root.querySelectorAll<HTMLTimeElement>("time[data-time]")) {
    const at = Date.parse(time.dateTime);
    const moment = moments.format(at);
    const text = time.dataset.time === "ago" ? age(at) : moment;
    if (time.textContent !== text) time.textContent = text;
    if (time.title !== moment) time.title = moment;
  }
}

/** A new schedule is in the reader's time zone, if the server knows it. */
for (const field of document.querySelectorAll<HTMLInputElement>("input[data-own-zone]")) {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  if ([...(field.list?.options ?? [])].some((option) => option.value === timeZone)) field.value = timeZone;
}

drawTimes();
setInterval(() => document.hidden || drawTimes(), 10000);
document.addEventListener("htmx:after:swap", () => drawTimes());
