import { signal } from "@preact/signals";

/** The time, each second, for what counts down. */
export const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 1_000);
