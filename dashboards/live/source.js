// The source of the data: the daemon that serves this page, or the data embedded in a static page.

async function read(path) {
  const answer = await fetch(`/api/v1/${path}`, { cache: "no-store" });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

function runPath(run) {
  return `runs/${encodeURIComponent(run)}`;
}

// Reads the few series of /metrics that show the state of the monitor itself.
function readFlow(text) {
  const flow = { dropped: {} };
  for (const line of text.split("\n")) {
    const found = /^rotewatch_(frames_offered_total|frames_measured_total|frames_dropped_total|nonfinite_values_total|channel_frames|channel_capacity_frames|store_degraded)(?:\{reason="([a-z_]+)"\})? (\S+)$/.exec(line);
    if (!found) continue;
    if (found[2]) flow.dropped[found[2]] = Number(found[3]);
    else flow[found[1]] = Number(found[3]);
  }
  return flow;
}

const LIVE = {
  frozen: null,
  runs: async () => (await read("runs"))?.runs ?? [],
  verdict: (run) => read(`${runPath(run)}/verdict`),
  epochs: (run, after) => read(`${runPath(run)}/epochs${after === null ? "" : `?after=${after}`}`),
  matrix: (run, layer, max) => read(`${runPath(run)}/layers/${encodeURIComponent(layer)}/matrix?max=${max}`),
  surprisal: (run) => read(`${runPath(run)}/surprisal`),
  comparison: (run, beside, against) => read(`compare?${new URLSearchParams({ a: run, b: beside, ...(against && { against }) })}`),
  flow: async () => readFlow(await (await fetch("/metrics", { cache: "no-store" })).text()),
  // Calls `happened(kind, event)` for each event and `connected(whether)` when the connection opens or fails. A browser reconnects by
  // itself if there is no answer, but not after an error status, so this code does it.
  follow(happened, connected) {
    const events = new EventSource("/api/v1/events");
    events.addEventListener("open", () => connected(true));
    for (const kind of ["epoch", "finding", "verdict", "status"]) {
      events.addEventListener(kind, (event) => happened(kind, JSON.parse(event.data)));
    }
    events.addEventListener("error", () => {
      connected(false);
      if (events.readyState !== EventSource.CLOSED) return;
      events.close();
      setTimeout(() => LIVE.follow(happened, connected), 2000);
    });
  },
  stop: (run, reason, token) =>
    fetch(`/api/v1/${runPath(run)}/stop`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}` },
      body: JSON.stringify({ reason }),
    }),
};

function frozenSource(written) {
  const documents = JSON.parse(written.textContent);
  const of = (name) => documents.runs.find(({ run }) => run.run === name);
  return {
    frozen: documents,
    runs: async () => documents.runs.map(({ run }) => run),
    verdict: async (name) => of(name)?.verdict ?? null,
    epochs: async (name) => of(name)?.epochs ?? null,
    matrix: async (name, layer) => of(name)?.matrices.find((matrix) => matrix.layer === layer) ?? null,
    surprisal: async () => null,
    comparison: async () => null,
    flow: async () => null,
    follow() {},
    stop: null,
  };
}

const written = document.getElementById("frozen");
export const source = written ? frozenSource(written) : LIVE;
