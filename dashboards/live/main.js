// The page: a list of runs, and the details of one run, updated by the daemon's events.

import { MEASURES } from "/assets/measures.js";
import { Chart, legend, look } from "/assets/charts.js";
import { comparison } from "/assets/comparison.js";
import { choice, element } from "/assets/elements.js";
import { boxes, densities, health, heatMap, layersOf, marksOf, measure, metric, surprisals } from "/assets/figures.js";
import { runList } from "/assets/runs.js";
import { source } from "/assets/source.js";
import { stopButton } from "/assets/stop.js";
import { verdictCard } from "/assets/verdict.js";
import { duration, fixed, inWords, moment, percent, verdictInBrief, whole } from "/assets/words.js";

const BLOCKS = 128;
const GATHER_MILLISECONDS = 100;

const state = { runs: [], listed: false, name: null, beside: null, layer: null, known: new Map(), against: null, matrix: null, surprisal: null, compared: null, flow: null, lost: false };

const list = runList(document.getElementById("runs"), (name) => link({ name }));
const main = document.getElementById("main");
const connection = document.getElementById("connection");

const measures = MEASURES.map((of) => ({ ...of, chart: new Chart(of.title, of.about) }));
const loss = new Chart("Loss", "As sent by the trainer");
const accuracy = new Chart("Accuracy", "As sent by the trainer");
const pairs = new Chart("Pairs of neurons", "Mutual information at the newest epoch", { tall: true });
const spread = new Chart("Entropies by epoch", "Boxes: quartiles over neurons; whiskers: 5 % and 95 %", { tall: true });
const density = new Chart("Densities of mutual information", "Over all pairs of the layer", { tall: true });
const rows = new Chart("Unusual rows", "Surprisal of each row at the newest epoch, mean over all neurons");
const compute = new Chart("Compute time", "Time to compute the measures of an epoch");

const title = element("h2");
const subtitle = element("p");
const stop = source.stop && stopButton(() => state.name);
const besides = choice("Compare with", (name) => go({ beside: name || null }));
const layers = choice("Layer", (name) => {
  state.layer = name;
  state.matrix = null;
  refresh();
});
const besideEachOther = comparison((against) => go({ against: against || null }));
const card = element("div");
const key = element("div");
const note = element("p", { class: "note", role: "status" });
const flow = element("dl", { class: "facts" });
const hints = element("dl", { class: "facts" });

const shown = [
  element("div", { class: "head" }, element("div", {}, title, subtitle), element("div", { class: "actions" }, besides.whole, stop)),
  note,
  card,
  besideEachOther.section,
  element("section", { "aria-label": "Diversity" }, element("div", { class: "bar" }, element("h3", {}, "Diversity of the neurons"), key), element("div", { class: "grid" }, ...measures.map(({ chart }) => chart.figure))),
  element("section", { "aria-label": "Training" }, element("h3", { class: "title" }, "Training"), element("div", { class: "grid two" }, loss.figure, accuracy.figure)),
  element("section", { "aria-label": "One layer" }, element("div", { class: "bar" }, element("h3", {}, "One layer"), layers.whole), element("div", { class: "grid" }, pairs.figure, spread.figure, density.figure)),
  element("section", { "aria-label": "Monitor" }, element("h3", { class: "title" }, "Rows and monitor"), element("div", { class: "grid" },
    rows.figure,
    compute.figure,
    element("div", { class: "card" }, element("h4", {}, "Coverage and drops"), element("p", {}, "How much of the offered data was measured"), flow),
    element("div", { class: "card" }, element("h4", {}, "Hints"), element("p", {}, "From the trainer's own numbers; they do not affect the verdict"), hints))),
];
const empty = element("p", { class: "empty" }, "No runs yet. Start one with rotewatch train, or connect your own trainer (see docs/protocol.md). It appears here without a reload.");

function place() {
  const named = new URLSearchParams(location.hash.slice(1));
  return { name: named.get("run"), beside: named.get("beside"), against: named.get("against") };
}

function link(change) {
  const { name, beside, against } = { name: state.name, beside: state.beside, against: state.against, ...change };
  const both = beside && beside !== name;
  return `#${new URLSearchParams({ ...(name && { run: name }), ...(both && { beside }), ...(both && against && { against }) })}`;
}

function go(change) {
  location.hash = link(change);
}

function isListed(name) {
  return state.runs.some(({ run }) => run === name);
}

// Updates what is known of a run. Its epochs are kept when the daemon restarts, as long as the attempt is the same.
async function learn(name) {
  let known = state.known.get(name);
  // A run that is not listed is not requested, since browsers log each 404 as an error.
  if (!isListed(name)) return known;
  const standing = await source.verdict(name);
  if (!standing) return known;
  if (known?.standing.attempt !== standing.attempt) known = { name, epochs: [], standing };
  const judged = known.standing.epoch;
  const begunAnew = judged !== null && (standing.epoch === null || standing.epoch < judged);
  const last = begunAnew ? null : (known.epochs.at(-1)?.epoch ?? null);
  const more = last !== null && standing.epoch === last ? { epochs: [] } : await source.epochs(name, last);
  const told = new Set((more?.epochs ?? []).map(({ epoch }) => epoch));
  known = { name, standing, epochs: [...known.epochs.filter(({ epoch }) => !told.has(epoch)), ...(more?.epochs ?? [])].sort((a, b) => a.epoch - b.epoch) };
  state.known.set(name, known);
  return known;
}

let refreshing = null;
let again = false;

// Reads what changed and shows it. Only one refresh runs at a time; if another was requested meanwhile, it runs afterwards.
function refresh() {
  if (refreshing) {
    again = true;
    return;
  }
  refreshing = (async () => {
    if (!state.listed) {
      state.listed = true;
      state.runs = await source.runs();
    }
    const { name, beside, against } = place();
    const newest = [...state.runs].sort((a, b) => (b.updated_at ?? 0) - (a.updated_at ?? 0))[0]?.run;
    state.name = name ?? state.name ?? newest ?? null;
    state.beside = beside;
    state.against = against;
    if (state.name === null) return;
    const known = await learn(state.name);
    if (state.beside) await learn(state.beside);
    const bothListed = state.beside && state.beside !== state.name && isListed(state.name) && isListed(state.beside);
    state.compared = bothListed ? await source.comparison(state.name, state.beside, state.against) : null;
    const names = layersOf(known?.epochs ?? []);
    if (!names.includes(state.layer)) {
      state.layer = names.find((layer) => known.standing.layers?.includes(layer)) ?? names.at(-1) ?? null;
      state.matrix = null;
    }
    const fits = state.matrix && state.matrix.run === state.name && state.matrix.layer === state.layer && state.matrix.epoch === known?.standing.epoch;
    const judged = isListed(state.name) && known?.standing.epoch !== null;
    if (!fits && judged && state.layer) state.matrix = (await source.matrix(state.name, state.layer, BLOCKS)) ?? state.matrix;
    const rowsFit = state.surprisal && state.surprisal.run === state.name && state.surprisal.epoch === known?.standing.epoch;
    if (!rowsFit) state.surprisal = judged ? await source.surprisal(state.name) : null;
    state.flow = await source.flow();
  })()
    .then(render, () => (state.listed = false))
    .finally(() => {
      refreshing = null;
      if (again) {
        again = false;
        setTimeout(refresh, GATHER_MILLISECONDS);
      }
    });
}

// Runs that the page has seen but the daemon no longer knows stay in the list.
function renderList() {
  const names = new Set(state.runs.map(({ run }) => run));
  const kept = [...state.known.values()].filter(({ name }) => !names.has(name)).map(({ name, standing }) => ({ ...standing, run: name, status: "no longer on the daemon" }));
  list.show([...state.runs, ...kept], state.name);
}

function facts(into, pairsOfText) {
  into.replaceChildren(...pairsOfText.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));
}

function renderHealth(epochs) {
  const newest = epochs.at(-1);
  const rows = [["Rows measured at this epoch", whole(newest?.rows)], ["Coverage of this epoch", percent(newest?.coverage)], ["Compute time of this epoch", duration(newest?.compute_seconds)]];
  if (state.flow) {
    const { frames_offered_total: offered, frames_measured_total: measured, dropped } = state.flow;
    rows.push(["Frames offered, all runs", whole(offered)], ["Frames measured", whole(measured)]);
    rows.push(...Object.entries(dropped).filter(([, count]) => count > 0).map(([reason, count]) => [`Dropped: ${inWords(reason)}`, whole(count)]));
    if (!Object.values(dropped).some((count) => count > 0)) rows.push(["Frames dropped", "0"]);
    rows.push(["NaN or infinite values", whole(state.flow.nonfinite_values_total)]);
    if (state.flow.store_degraded) rows.push(["The history", "cannot be written; see the log"]);
  }
  facts(flow, rows);
  const hint = newest?.hints ?? {};
  facts(hints, [
    ["Label wave: predictions changed least around", Number.isFinite(hint.label_wave_epoch) ? `epoch ${hint.label_wave_epoch}` : "–"],
    ["Loss gap: held-out loss minus training loss", Number.isFinite(hint.loss_gap_nats) ? `${fixed(hint.loss_gap_nats, 2)} nats` : "–"],
    ["Lowest loss gap", Number.isFinite(hint.loss_gap_lowest_nats) ? `${fixed(hint.loss_gap_lowest_nats, 2)} at epoch ${hint.loss_gap_lowest_epoch}` : "–"],
  ]);
  compute.show(health(epochs));
}

function render() {
  renderList();
  const known = state.known.get(state.name);
  if (!known) {
    main.replaceChildren(state.name === null ? empty : element("p", { class: "empty" }, `The daemon has no run ${state.name}.`));
    return;
  }
  if (main.firstElementChild !== shown[0]) main.replaceChildren(...shown);
  const brief = state.runs.find(({ run }) => run === state.name);
  const { standing, epochs } = known;
  const names = layersOf(epochs);
  const beside = state.beside && state.beside !== state.name ? state.known.get(state.beside) : null;
  const marks = marksOf(standing);
  document.title = `${state.name}: ${verdictInBrief(standing)} · rotewatch`;
  title.textContent = state.name;
  subtitle.textContent = [brief?.status, standing.epoch === null ? null : `epoch ${standing.epoch}`, brief?.mode, brief?.framework, brief?.updated_at ? moment(brief.updated_at) : null].filter(Boolean).join(" · ");
  note.hidden = Boolean(brief);
  note.textContent = brief ? "" : "The daemon no longer has this run. This page shows what it received earlier.";
  if (stop) stop.hidden = brief?.status !== "training" || standing.stop;
  besides.offer([["", "none"], ...state.runs.filter(({ run }) => run !== state.name).map(({ run, baseline }) => [run, baseline ? `${run} (baseline)` : run])], beside?.name ?? "");
  besides.whole.hidden = state.runs.length < 2;
  layers.offer(names.map((name) => [name, name]), state.layer ?? "");
  const told = JSON.stringify(standing);
  if (card.dataset.told !== told) {
    card.dataset.told = told;
    card.replaceChildren(verdictCard(standing));
  }
  besideEachOther.show(state.compared, state.against);
  const series = names.map((name, order) => ({ name, ...look(order) }));
  key.replaceChildren(legend(beside ? [...series, { name: `dotted: ${beside.name}`, colour: "soft", dash: "dot" }] : series));
  const waiting = "No epoch has been measured yet.";
  for (const of of measures) of.chart.show(measure(epochs, beside, names, of, marks, epochs.length ? of.missing : waiting));
  loss.show(metric(epochs, beside, "_loss", marks, false));
  accuracy.show(metric(epochs, beside, "_accuracy", marks, true));
  pairs.show(heatMap(state.matrix));
  spread.show(boxes(epochs, state.layer, marks));
  density.show(densities(epochs, beside, state.layer, standing));
  rows.show(surprisals(state.surprisal));
  renderHealth(epochs);
}

function connected(whether) {
  state.lost = !whether;
  connection.textContent = whether ? "live" : "not connected, retrying";
  connection.className = whether ? "on" : "off";
  if (whether) refresh();
}

// An epoch's event has all that the list shows of a run, so the list (up to a thousand runs) is read again only after other events.
function heard(kind, event) {
  const entry = state.runs.find(({ run, attempt }) => run === event.run && attempt === event.attempt);
  if (entry && kind === "epoch") Object.assign(entry, event);
  else if (!entry || kind === "status") state.listed = false;
  refresh();
}

window.addEventListener("hashchange", refresh);
if (source.frozen) connection.textContent = `saved on ${moment(source.frozen.runs[0]?.made_at)}`;
source.follow(heard, connected);
refresh();
