// The page: the head, the run or comparison that is looked at, and the history under it.

import { api, ApiError } from "../api/client";
import { isOver, stateOf } from "../model/run";
import { Compare } from "./Compare";
import { Editor } from "./Editor";
import { History } from "./History";
import { useLoaded } from "./loading";
import { scriptLink, useRoute } from "./route";
import { Run } from "./Run";
import { Start } from "./Start";
import { AskToken, Banner, Failure, Guard, Loading } from "./states";
import { Top } from "./Top";

/// How often the list of runs and the state of the machine are asked for.
const LIST_MS = 4_000;

export function App() {
  const route = useRoute();
  const health = useLoaded("health", api.health, LIST_MS);
  const runs = useLoaded("runs", () => api.runs(), LIST_MS);
  const scripts = useLoaded("scripts", api.scripts, 30_000);
  const system = useLoaded("system", api.system, LIST_MS);
  const reload = () => { runs.reload(); health.reload(); };
  const rows = runs.value ?? [];
  const going = rows.find((row) => !isOver(stateOf(row)));
  const shown = route.view === "run" ? route.id : route.view === "home" ? health.value?.running ?? going?.run_id ?? rows[0]?.run_id ?? null : null;
  const isDenied = runs.error instanceof ApiError && runs.error.isUnauthorized;
  const isServerGone = runs.error !== null && !isDenied;
  const reloadAll = () => { reload(); scripts.reload(); system.reload(); };
  return (
    <>
      <Top version={health.value?.version} queued={health.value?.queued}>
        {!isDenied && <Start scripts={scripts.value ?? []} onStarted={reload} />}
      </Top>
      {isDenied && runs.value && <AskToken retry={reloadAll} />}
      {isServerGone && runs.value && (
        <Banner words="rhaid does not answer. What is shown is the last that is known; see whether `rhaid serve` still runs. The page tries again every few seconds."
          action={{ label: "Try again", run: reloadAll }} />
      )}
      <Guard key={JSON.stringify(route)}>
        {!runs.value && (runs.error ? <Failure error={runs.error} retry={reloadAll} /> : <Loading what="the runs" />)}
        {runs.value && route.view === "compare" && <Compare a={route.a} b={route.b} force={route.force} />}
        {runs.value && route.view === "script" && <Editor key={route.name} name={route.name} scripts={scripts.value ?? []} onSaved={scripts.reload} />}
        {runs.value && shown && (
          <Run key={shown} id={shown} memoryTotalBytes={system.value?.memory_total_bytes ?? null} isServerGone={isServerGone} onChanged={reload} />
        )}
        {runs.value && !shown && route.view === "home" && (
          <section className="card state">
            <h2>Nothing has run yet</h2>
            <ol>
              <li>Choose a script at the top, or <a href={scriptLink("")}>write one</a>; an address alone will do as well.</li>
              <li>Say how many users, or how many arrivals a second, and for how long.</li>
              <li>Press Start. Charts, steps and resources appear here as the load begins.</li>
            </ol>
            <p className="note">Runs of `rhaid run` that use the same database are listed here too.</p>
          </section>
        )}
      </Guard>
      {rows.length > 0 && <History rows={rows} shown={shown} />}
    </>
  );
}
