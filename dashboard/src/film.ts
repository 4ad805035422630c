// A rollout's points over time: those that were recorded, and behind them what comes in now.
import { useEffect, useState } from "preact/hooks";
import { ms } from "./format";
import { connected, services } from "./live";
import { get } from "./net";
import type { FilmPoint, Film, Service, Side } from "./types";

const side = (requests: number, failed: number, p95_ms: number | null): Side => ({ requests, failed, p95_ms, p50_ms: null, p99_ms: null });

/** The second that has just ended, as the recording will tell it. */
export function pointOf(service: Service): FilmPoint | null {
  const rollout = service.rollout;
  const whole = service.series.at(-2);
  if (!rollout?.judgement || !whole) return null;
  return {
    at: new Date(ms(whole.at) + 1_000).toISOString(),
    seconds: 1,
    canary_weight_ratio: service.canary_weight_ratio,
    stable: side(whole.stable, whole.stable_failed, whole.stable_p95_ms),
    canary: side(whole.canary, whole.canary_failed, whole.canary_p95_ms),
    gates: rollout.judgement.gates.map(({ outcome, canary, stable, limit_value }) => ({ outcome, canary, stable, limit_value })),
    confidence: rollout.judgement.confidence,
  };
}

/** Recorded points know each other's distance; a new one comes when that has passed, else it takes the last one's place. */
export function extended(film: Film, point: FilmPoint, gates: string[]): Film {
  const last = film.points.at(-1);
  const gap = last ? ms(point.at) - ms(last.at) : Infinity;
  if (gap < film.point_ms * 0.6) return film;
  return { ...film, gates, points: [...film.points, point] };
}

/** Longer silence between two points than this is a hole that the recording fills. */
const HOLE_MS = 4_000;

export function useFilm(id: number, name: string): Film | null {
  const [film, setFilm] = useState<Film | null>(null);
  const service = services.value.get(name);
  const live = service?.rollout?.id === id && service.rollout.active;
  const up = connected.value;
  const load = () => {
    let gone = false;
    get<Film>(`/api/v1/rollouts/${id}/samples`).then((film) => !gone && setFilm(film), () => {});
    return () => {
      gone = true;
    };
  };
  useEffect(() => {
    setFilm(null);
  }, [id]);
  // At first, after each silence, and once more when it has ended: the recording has every second.
  useEffect(load, [id, up, live]);
  useEffect(() => {
    if (live) return;
    const later = setTimeout(load, 2_000);
    return () => clearTimeout(later);
  }, [id, live]);
  const second = service?.series.at(-2)?.at;
  useEffect(() => {
    if (!live || !service || !film) return;
    const point = pointOf(service);
    if (!point) return;
    const last = film.points.at(-1);
    if (last && ms(point.at) - ms(last.at) > HOLE_MS + film.point_ms) load();
    setFilm(extended(film, point, service.rollout!.judgement!.gates.map((gate) => gate.gate)));
  }, [live, second, film === null]);
  return film;
}
