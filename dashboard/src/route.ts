// Which address is shown. Every address works without this too: the server answers each with the whole document.
import { computed, signal } from "@preact/signals";

export const address = signal(location.pathname + location.search);

export type Place =
  | { page: "services" }
  | { page: "service"; service: string; compare: number[] }
  | { page: "rollout"; service: string; rollout: number }
  | { page: "approvals" | "budgets" | "audit" | "guards" }
  | { page: "nowhere" };

const SECTIONS = ["approvals", "budgets", "audit", "guards"] as const;

export const place = computed<Place>(() => {
  const url = new URL(address.value, location.origin);
  const [first, second, ...more] = url.pathname.split("/").filter(Boolean);
  if (!first) return { page: "services" };
  if (first === "-") {
    const page = SECTIONS.find((section) => section === second);
    return page ? { page } : { page: "nowhere" };
  }
  if (!second) {
    const compare = (url.searchParams.get("compare") ?? "").split(",").map(Number).filter((id) => id > 0);
    return { page: "service", service: first, compare };
  }
  return more.length === 0 && /^\d+$/.test(second)
    ? { page: "rollout", service: first, rollout: Number(second) }
    : { page: "nowhere" };
});

export function go(to: string, replace = false) {
  if (to === address.value) return;
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  address.value = to;
  if (!replace) {
    scrollTo(0, 0);
    // Who reads with their ears hears that another page is there.
    requestAnimationFrame(() => document.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true }));
  }
}

addEventListener("popstate", () => (address.value = location.pathname + location.search));

/** Our own pages open in place; files, other answers and other windows are the browser's. */
addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element).closest?.("a");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin || link.dataset.plain !== undefined) return;
  if (link.hash && link.pathname === location.pathname) return;
  event.preventDefault();
  go(link.pathname + link.search);
});
