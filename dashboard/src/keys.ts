// One hand on the keyboard. A page adds its own keys while it is shown.
import { signal } from "@preact/signals";
import { go } from "./route";

export interface Key { keys: string; says: string; act: () => void }

export const helping = signal(false);
/** The keys of the page that is shown. */
export const own = signal<readonly Key[]>([]);

const rows = () => [...document.querySelectorAll<HTMLElement>("[data-row]")].filter((row) => row.offsetParent !== null);

function move(by: number) {
  const all = rows();
  const at = all.findIndex((row) => row === document.activeElement || row.contains(document.activeElement));
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

const find = () => {
  const field = document.querySelector<HTMLInputElement>("[data-find]");
  field?.focus();
  field?.select();
};

export const common: readonly Key[] = [
  { keys: "?", says: "this list", act: () => (helping.value = true) },
  { keys: "/", says: "filter", act: find },
  { keys: "j", says: "next row", act: () => move(1) },
  { keys: "k", says: "row before", act: () => move(-1) },
  { keys: "g s", says: "services", act: () => go("/") },
  { keys: "g a", says: "approvals", act: () => go("/-/approvals") },
  { keys: "g b", says: "budgets", act: () => go("/-/budgets") },
  { keys: "g t", says: "triggers and freezes", act: () => go("/-/guards") },
  { keys: "g l", says: "audit log", act: () => go("/-/audit") },
];

const PATIENCE = 1_200;
let first = "";
let at = 0;

const writes = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** What was found stays, and so do the words: by itself a browser would empty the field and tell nobody. */
function leave(event: KeyboardEvent) {
  event.preventDefault();
  (event.target as HTMLInputElement).blur();
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape" && event.target instanceof HTMLInputElement && event.target.dataset.find !== undefined) leave(event);
  if (writes(event.target) || document.querySelector("dialog[open]")) return;
  const typed = first && Date.now() - at < PATIENCE ? `${first} ${event.key}` : event.key;
  const all = [...own.value, ...common];
  const key = all.find((one) => one.keys === typed) ?? all.find((one) => one.keys === event.key);
  first = "";
  if (key) {
    event.preventDefault();
    key.act();
  } else if (all.some((one) => one.keys.startsWith(`${event.key} `))) {
    first = event.key;
    at = Date.now();
  }
});
