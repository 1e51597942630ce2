/** Feedback on a request that somebody started: nothing for 300 ms, a bar after that, words after 3 s. */
const root = document.documentElement;
const note = document.querySelector<HTMLElement>(".slow-note");
let open = 0;
let timers: number[] = [];

/** Call when a request starts; call what it returns when it ends. */
export function waiting(): () => void {
  if (open++ === 0) {
    timers = [
      window.setTimeout(() => root.classList.add("loading"), 300),
      window.setTimeout(() => note && (note.hidden = false), 3000),
    ];
  }
  let ended = false;
  return () => {
    if (ended) return;
    ended = true;
    if (--open > 0) return;
    timers.forEach(clearTimeout);
    root.classList.remove("loading");
    if (note) note.hidden = true;
  };
}
