// What changes, as it does: one stream for all tabs of a browser.
//
// The tab that holds the lock reads the stream and hands it on; when it goes, the next one takes over. The sequence of
// journal entries has no gaps, so each tab sees for itself whether something is missing, and asks for just that.
import { signal } from "@preact/signals";
import { get, refreshAll, snapshot } from "./net";
import type { Entries, Entry, Meta, Service } from "./types";

/** `down` since when, in milliseconds of the browser's clock; 0 while it is live. */
export const down = signal(0);
export const connected = signal(false);
export const services = signal<ReadonlyMap<string, Service>>(new Map());

const NAME = "staunch-live";
/** Services that have traffic change every second; silence for this long is no connection. */
const SILENCE = 20_000;
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 3_000;
/** Points of a series that come along: the second that runs and the last whole one. */
const POINTS = 3;
const KEPT_POINTS = 120;

type Message =
  | { kind: "service"; data: string }
  | { kind: "entry"; data: string }
  | { kind: "state"; up: boolean; since: number; known: number }
  | { kind: "reset" }
  | { kind: "hello" };

let last = snapshot<Meta>("/api/v1/meta")?.journal_sequence ?? 0;
const hearers = new Set<(entry: Entry) => void>();

/** Calls `hear` with each entry of the journal from now on, in order, each once. */
export function onEntry(hear: (entry: Entry) => void): () => void {
  hearers.add(hear);
  return () => hearers.delete(hear);
}

const tell = (entry: Entry) => {
  last = entry.sequence;
  hearers.forEach((hear) => hear(entry));
};

/** The highest sequence that was heard of; between `last` and this something is missing. */
let known = last;
let filling = false;

/** How far this tab has come. */
export const cursor = () => last;

function take(entry: Entry) {
  known = Math.max(known, entry.sequence);
  if (filling || entry.sequence <= last) return;
  if (entry.sequence === last + 1) return tell(entry);
  void fill();
}

/** Asks for what is missing. */
async function fill() {
  if (filling) return;
  filling = true;
  try {
    while (known > last) {
      const page = await get<Entries>(`/api/v1/events.json?after=${last}&limit=500`);
      page.entries.filter((entry) => entry.sequence > last).forEach(tell);
      if (page.entries.length === 0) break;
    }
  } catch {
    // The next entry, or the next connection, asks again.
  }
  filling = false;
}

function put(service: Service) {
  const before = services.value.get(service.name);
  const first = service.series[0]?.at;
  const old = first && before ? before.series.filter((point) => point.at < first) : [];
  const series = [...old, ...service.series].slice(-KEPT_POINTS);
  services.value = new Map(services.value).set(service.name, { ...service, series });
}

/** Messages come faster than screens are painted: of each service only the latest is read. */
const fresh = new Map<string, string>();
let painting = false;
function queue(data: string) {
  const name = /"name":"([a-z0-9-]+)"/.exec(data)?.[1] ?? "";
  fresh.set(name, data);
  if (painting) return;
  painting = true;
  const paint = () => {
    painting = false;
    fresh.forEach((text) => put(JSON.parse(text)));
    fresh.clear();
  };
  // A tab that is not seen is not painted, and keeps its title right none the less.
  if (document.hidden) setTimeout(paint, 1_000);
  else requestAnimationFrame(paint);
}

let heard = 0;
function receive(message: Message) {
  heard = Date.now();
  switch (message.kind) {
    case "service":
      return queue(message.data);
    case "entry":
      return take(JSON.parse(message.data));
    case "state":
      return state(message.up, message.since, message.known);
    case "reset":
      return location.reload();
    case "hello":
      return;
  }
}

function state(up: boolean, since: number, heardOf: number) {
  known = Math.max(known, heardOf);
  const back = up && !connected.value && down.value !== 0;
  connected.value = up;
  down.value = up ? 0 : since;
  if (up) void fill();
  if (back) refreshAll();
}

const tabs = "BroadcastChannel" in window ? new BroadcastChannel(NAME) : null;

function lead() {
  let pause = FIRST_PAUSE;
  let source: EventSource | null = null;
  let since = 0;
  const pass = (message: Message) => {
    receive(message);
    tabs?.postMessage(message);
  };
  const open = () => {
    heard = Date.now();
    source = new EventSource(`/api/v1/changes?after=${last}&points=${POINTS}`);
    source.onopen = () => {
      pause = FIRST_PAUSE;
      since = 0;
      pass({ kind: "state", up: true, since, known });
    };
    source.addEventListener("service", (event) => pass({ kind: "service", data: event.data }));
    source.addEventListener("entry", (event) => pass({ kind: "entry", data: event.data }));
    source.addEventListener("reset", () => pass({ kind: "reset" }));
    source.onerror = lost;
  };
  // By itself a browser comes back only after some errors, and with the id that the tab began with.
  const lost = () => {
    source?.close();
    source = null;
    since ||= Date.now();
    pass({ kind: "state", up: false, since, known });
    setTimeout(open, pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  };
  tabs?.addEventListener("message", (event) => {
    if (event.data.kind !== "hello") return;
    tabs.postMessage({ kind: "state", up: source?.readyState === EventSource.OPEN, since, known } satisfies Message);
    services.value.forEach((service) => tabs.postMessage({ kind: "service", data: JSON.stringify(service) } satisfies Message));
  });
  setInterval(() => {
    if (source?.readyState === EventSource.OPEN && Date.now() - heard > SILENCE) lost();
  }, 5_000);
  document.documentElement.dataset.stream = "leads";
  open();
}

export function begin() {
  const list = snapshot<{ services: Service[] }>("/api/v1/services");
  services.value = new Map((list?.services ?? []).map((service) => [service.name, service]));
  // Browsers give locks to secure places only; elsewhere each tab has a stream of its own.
  if (!navigator.locks || !tabs) return lead();
  document.documentElement.dataset.stream = "follows";
  tabs.addEventListener("message", (event) => {
    if (document.documentElement.dataset.stream === "follows") receive(event.data);
  });
  tabs.postMessage({ kind: "hello" } satisfies Message);
  void navigator.locks.request(NAME, () => {
    lead();
    return new Promise(() => {});
  });
}
