import { render } from "preact";
import "./style.css";
import { begin, connected, down, services } from "./live";
import { common, helping, own } from "./keys";
import { clock } from "./format";
import { Asking, said } from "./parts/ask";
import { SessionEnded, Who, signedOut } from "./parts/session";
import { Card, Empty, Title } from "./parts/ui";
import { ApprovalsPage } from "./pages/approvals";
import { AuditPage } from "./pages/audit";
import { BudgetsPage } from "./pages/budgets";
import { GuardsPage } from "./pages/guards";
import { RolloutPage } from "./pages/rollout";
import { ServicePage } from "./pages/service";
import { ServicesPage } from "./pages/services";
import { place, type Place } from "./route";
import { nextTheme, theme } from "./theme";
import { useEffect, useRef } from "preact/hooks";

function Page({ place }: { place: Place }) {
  switch (place.page) {
    case "services": return <ServicesPage />;
    case "service": return <ServicePage key={place.service} name={place.service} compare={place.compare} />;
    case "rollout": return <RolloutPage key={place.rollout} name={place.service} id={place.rollout} />;
    case "approvals": return <ApprovalsPage />;
    case "budgets": return <BudgetsPage />;
    case "guards": return <GuardsPage />;
    case "audit": return <AuditPage />;
    case "nowhere": return <><Title text="Nothing is here" /><Card><Empty><a href="/">All services</a></Empty></Card></>;
  }
}

const LINKS: readonly (readonly [string, string, Place["page"][]])[] = [
  ["/", "Services", ["services", "service", "rollout"]],
  ["/-/approvals", "Approvals", ["approvals"]],
  ["/-/budgets", "Budgets", ["budgets"]],
  ["/-/guards", "Guards", ["guards"]],
  ["/-/audit", "Audit", ["audit"]],
];

function Top() {
  const waiting = [...services.value.values()].filter((service) => service.approval && !service.approval.granted).length;
  return (
    <header class="top">
      <a class="brand" href="/"><img src="/-/icon.svg" alt="" width="20" height="20" /> Staunch</a>
      <nav aria-label="Pages">
        {LINKS.map(([to, says, pages]) => (
          <a key={to} href={to} aria-current={pages.includes(place.value.page) ? "page" : undefined}>{says}{to === "/-/approvals" && waiting > 0 && <span class="badge">{waiting}</span>}</a>
        ))}
      </nav>
      <div class="tools">
        <Who />
        <span class={`state ${connected.value ? "up" : "off"}`} role="status"><i aria-hidden="true" />{connected.value ? "live" : "reconnecting"}</span>
        <button type="button" onClick={nextTheme} title="Colours" aria-label={`Colours: ${theme.value}`}>{{ system: "◐", light: "☀", dark: "☾" }[theme.value]}</button>
        <button type="button" onClick={() => (helping.value = true)} title="Keys" aria-label="Keys">?</button>
      </div>
    </header>
  );
}

function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} aria-labelledby="keys" onClose={() => (helping.value = false)}>
      <h2 id="keys">Keys</h2>
      <dl class="keys">{[...own.value, ...common].map((key) => <div key={key.keys}><dt>{key.keys.split(" ").map((one) => <kbd key={one}>{one}</kbd>)}</dt><dd>{key.says}</dd></div>)}</dl>
      <footer><button type="button" autofocus onClick={() => dialog.current?.close()}>Close</button></footer>
    </dialog>
  );
}

function App() {
  return (
    <>
      <a class="skip" href="#main">To the content</a>
      <Top />
      <SessionEnded />
      {down.value > 0 && !signedOut.value && <p class="banner" role="alert">Control has not answered since {clock(down.value)}. Services and their traffic go on without it; the page goes on by itself.</p>}
      <main id="main"><Page place={place.value} /></main>
      <p class="unseen" role="status">{said.value}</p>
      <Asking />
      {helping.value && <Help />}
    </>
  );
}

begin();
render(<App />, document.getElementById("app")!);
