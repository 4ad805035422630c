// Asking again for what changes without telling anybody.
import { useEffect } from "preact/hooks";

const EVERY_MS = 15_000;

/** Now and then while the page is seen, and whenever somebody comes back to it. */
export function useRefresh(refresh: () => Promise<void>) {
  useEffect(() => {
    const look = () => {
      if (!document.hidden) void refresh();
    };
    const timer = setInterval(look, EVERY_MS);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [refresh]);
}
