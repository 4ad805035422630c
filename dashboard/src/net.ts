// Asking the API. What the document brought along is looked at first, so that the first paint has data.
import { signal, type Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Problem } from "./types";

const element = document.getElementById("snapshot");
const brought: Record<string, unknown> = element ? JSON.parse(element.textContent || "{}") : {};

export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

const unreachable = (why: string): Problem => ({
  title: "Control does not answer", status: 0, detail: why, code: "unreachable", type: "/errors/unreachable",
  help: "Services and their traffic go on without it. The page tries again by itself.", allowed_actions: [],
});

async function answer<T>(response: Response): Promise<T> {
  const text = await response.text();
  if (!response.ok) {
    let problem: Problem;
    try {
      problem = JSON.parse(text);
    } catch {
      problem = { ...unreachable(`${response.status} ${response.statusText}`), title: "An answer that is none" };
    }
    throw new Refused(problem);
  }
  return (text ? JSON.parse(text) : null) as T;
}

async function ask<T>(path: string, init?: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    throw new Refused(unreachable(error instanceof Error ? error.message : "no connection"));
  }
  return answer(response);
}

export const get = <T>(path: string): Promise<T> => ask<T>(path, { headers: { Accept: "application/json" } });

/** A key of its own for each command: sent twice, it is carried out once. */
const fresh = (): string => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;

export const post = <T>(path: string, body: unknown): Promise<T> =>
  ask<T>(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "Idempotency-Key": fresh() },
    body: JSON.stringify(body),
  });

export interface Resource<T> {
  data: Signal<T | null>;
  problem: Signal<Problem | null>;
  refresh: () => Promise<void>;
  /** When it was asked for, in milliseconds. */
  at: number;
}

const known = new Map<string, Resource<unknown>>();
/** Addresses that are kept; what is looked at again after many others is asked for anew. */
const KEPT = 60;

/** The answer at an address, asked for once and again on `refresh`. The old one is shown until the new one is there. */
export function resource<T>(path: string): Resource<T> {
  const found = known.get(path) as Resource<T> | undefined;
  if (found) return found;
  const data = signal<T | null>((brought[path] as T) ?? null);
  const problem = signal<Problem | null>(null);
  let running: Promise<void> | null = null;
  let again = false;
  const load = async () => {
    do {
      again = false;
      made.at = Date.now();
      try {
        data.value = await get<T>(path);
        problem.value = null;
      } catch (error) {
        problem.value = error instanceof Refused ? error.problem : unreachable(String(error));
      }
    } while (again);
    running = null;
  };
  const refresh = () => {
    again = running !== null;
    running ??= load();
    return running;
  };
  const made: Resource<T> = { data, problem, refresh, at: Date.now() };
  if (known.size >= KEPT) known.delete(known.keys().next().value as string);
  known.set(path, made as Resource<unknown>);
  if (data.value === null) void refresh();
  return made;
}

const FRESH_MS = 1_000;

/** The same for a page: what was kept from an earlier look is shown and asked for again. */
export function useResource<T>(path: string): Resource<T> {
  const found = resource<T>(path);
  useEffect(() => {
    if (Date.now() - found.at > FRESH_MS) void found.refresh();
  }, [path]);
  return found;
}

export const snapshot = <T>(path: string): T | null => (brought[path] as T) ?? null;

/** After a time without connection: whatever was shown may be old. */
export const refreshAll = () => known.forEach((one) => void one.refresh());
