/**
 * One poller for the page. It rests while the tab is hidden, asks at once when it is looked at again, sends the ETag,
 * backs off, and tells the truth about how fresh the page is: live, checking (no answer for 3 s, or a failure),
 * offline (three failures).
 */
type State = "live" | "checking" | "offline";
/** Requests that follow each other, and how the last ones went. */
type Line = { failures: number; late: boolean };
type Job = Line & {
  url: () => string;
  period: number;
  apply: (answer: unknown) => void;
  etag: string;
  timer: number;
  busy: boolean;
};

export type Poll = { stop(): void; now(): void };

const pace = document.querySelector<HTMLMetaElement>("meta[name=rackhand-pace]")?.dataset ?? {};
const SLOW_MS = Number(pace.slow ?? 3000);
const GIVE_UP_MS = Number(pace.giveUp ?? 10000);
const LONGEST_MS = 30000;
const jobs = new Set<Job>();
const fragments: Line = { failures: 0, late: false };
const listeners = new Set<(state: State) => void>();
let state: State = "live";

function judge(): void {
  let worst = 0;
  for (const line of [...jobs, fragments]) worst = Math.max(worst, line.failures, line.late ? 1 : 0);
  const now: State = !navigator.onLine || worst >= 3 ? "offline" : worst > 0 ? "checking" : "live";
  if (now === state) return;
  state = now;
  for (const listener of listeners) listener(state);
}

/** Watches one request of a line; to be told whether the server answered it. */
export function watch(line: Line = fragments): (isAnswered: boolean) => void {
  const slow = window.setTimeout(() => {
    line.late = true;
    judge();
  }, SLOW_MS);
  return (isAnswered) => {
    clearTimeout(slow);
    line.late = false;
    line.failures = isAnswered ? 0 : line.failures + 1;
    judge();
  };
}

/** Calls `listener` now and at every change. */
export function onConnection(listener: (state: State) => void): void {
  listeners.add(listener);
  listener(state);
}

/** Asks `url` every `period` ms and hands each new JSON answer to `apply`; 304 hands over nothing. */
export function poll(url: () => string, period: number, apply: (answer: never) => void): Poll {
  const job: Job = {
    url,
    period: Number(pace.poll ?? period),
    apply: apply as (answer: unknown) => void,
    etag: "",
    failures: 0,
    timer: 0,
    busy: false,
    late: false,
  };
  jobs.add(job);
  plan(job);
  return {
    stop() {
      jobs.delete(job);
      clearTimeout(job.timer);
      judge();
    },
    now: () => void ask(job),
  };
}

function plan(job: Job): void {
  clearTimeout(job.timer);
  if (!jobs.has(job) || document.hidden) return;
  const wait = Math.min(job.period * 2 ** Math.min(job.failures, 4), Math.max(LONGEST_MS, job.period));
  job.timer = window.setTimeout(() => void ask(job), wait * (0.9 + Math.random() * 0.2));
}

async function ask(job: Job): Promise<void> {
  clearTimeout(job.timer);
  if (job.busy || document.hidden || !jobs.has(job)) return;
  job.busy = true;
  const end = watch(job);
  let isAnswered = false;
  try {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (job.etag) headers["If-None-Match"] = job.etag;
    const answer = await fetch(job.url(), { headers, signal: AbortSignal.timeout(GIVE_UP_MS), cache: "no-store" });
    if (answer.status === 401) return leave();
    if (answer.status === 200) {
      const body: unknown = await answer.json();
      job.etag = answer.headers.get("ETag") ?? "";
      if (jobs.has(job)) job.apply(body);
    }
    isAnswered = answer.status === 200 || answer.status === 304;
  } catch {
    // no answer, or one that is no JSON: counted below
  } finally {
    job.busy = false;
    end(isAnswered);
    plan(job);
  }
}

/** The session ended: log in again and come back to this page. */
export function leave(): void {
  for (const job of jobs) clearTimeout(job.timer);
  jobs.clear();
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

function askAll(): void {
  for (const job of jobs) void ask(job);
}

document.addEventListener("visibilitychange", () => (document.hidden ? jobs.forEach(plan) : askAll()));
addEventListener("online", () => {
  for (const job of jobs) job.failures = 0;
  judge();
  askAll();
});
addEventListener("offline", judge);
