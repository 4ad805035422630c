// What holds for the service: the file's words as the last rollout was admitted with.
import { resource } from "../net";
import type { Entries } from "../types";
import { Card } from "./ui";

/** Contents and their digests have their own place; here is what was configured. */
const LEFT_OUT = new Set(["id", "service", "kind", "from", "created", "digest", "files", "label", "dir"]);
const MOST = 200;

function rows(value: unknown, path: string, out: [string, string][]) {
  if (out.length >= MOST) return;
  if (value === null || value === undefined) return;
  if (Array.isArray(value) && value.every((one) => typeof one !== "object")) {
    if (value.length > 0) out.push([path, value.join(" ")]);
  } else if (typeof value === "object") {
    for (const [key, inner] of Object.entries(value)) {
      if (!LEFT_OUT.has(key)) rows(inner, path ? `${path}.${key}` : key, out);
    }
  } else {
    out.push([path, String(value)]);
  }
}

export function InForce({ rollout }: { rollout: number }) {
  const entries = resource<Entries>(`/api/v1/rollouts/${rollout}/events`).data.value?.entries;
  const spec = (entries?.find((entry) => entry.kind === "admitted")?.body as { spec?: unknown } | undefined)?.spec;
  if (!spec) return null;
  const out: [string, string][] = [];
  rows(spec, "", out);
  return (
    <Card title="In force" aside={<span class="muted">since rollout {rollout}</span>}>
      <details>
        <summary>{out.length} settings; spans in ms, weights in 0.01 %</summary>
        <dl class="settings">
          {out.map(([key, value]) => <div key={key}><dt>{key.replace(/^to\.run\./, "").replace(/^strategy\./, "canary.")}</dt><dd>{value}</dd></div>)}
        </dl>
      </details>
    </Card>
  );
}
