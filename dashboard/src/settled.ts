// What may wait until the screen shows what happened.
import { useEffect, useRef } from "preact/hooks";

/** Things happen in bursts, and their first pixels go before what is asked for behind them. */
const SETTLED_MS = 250;

/** Calls `settle` some time after `change` has changed last; in a tab that is not seen, when it is seen again. */
export function useSettled(change: unknown, settle: () => void) {
  useEffect(() => {
    let timer = 0;
    const seen = () => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", seen);
      settle();
    };
    timer = window.setTimeout(() => {
      document.addEventListener("visibilitychange", seen);
      seen();
    }, SETTLED_MS);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [change]);
}

/** The value from before while the new one says the same: what is drawn from it need not be drawn again. */
export function useSame<T>(value: T): T {
  const kept = useRef(value);
  if (kept.current !== value && JSON.stringify(kept.current) !== JSON.stringify(value)) kept.current = value;
  return kept.current;
}
