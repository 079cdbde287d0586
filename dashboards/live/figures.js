// Builds the content of each chart from the documents of a run's epochs.

import { colour, look, plain } from "/assets/charts.js";
import { duration, fixed, hasEnded, inWords, percent, whole } from "/assets/words.js";

const BOXES_MAX = 40;
const MARKERS_UP_TO = 40;

// The layers of a run in forward order.
export function layersOf(epochs) {
  const names = new Set();
  for (const epoch of epochs) for (const { layer } of epoch.layers) names.add(layer);
  return [...names];
}

export function marksOf(standing) {
  if (!standing || (standing.verdict !== "memorizing" && !hasEnded(standing))) return [];
  const { onset_epoch: onset, alarm_epoch: alarm, ended_epoch: ended } = standing;
  const marks = [{ epoch: onset, word: `onset ${onset}`, dash: "solid" }];
  if (alarm !== onset) marks.push({ epoch: alarm, word: `alarm ${alarm}`, dash: "dot" });
  if (hasEnded(standing)) marks.push({ epoch: ended, word: `ended ${ended}`, dash: "dot" });
  return marks;
}

function line(name, points, { colour: series, dash }, { digits = 3, faint = false } = {}) {
  return {
    type: "scatter", mode: points.length > MARKERS_UP_TO || faint ? "lines" : "lines+markers",
    x: points.map(([epoch]) => epoch), y: points.map(([, value]) => value), connectgaps: false, opacity: faint ? 0.55 : 1,
    line: { color: colour(series), dash, width: faint ? 1.5 : 2 }, marker: { size: 4 },
    hovertemplate: `%{y:.${digits}f}<extra>${plain(name)}</extra>`,
  };
}

// Lines over epochs. Each series: { name, look, value(epoch) }.
function overEpochs(epochs, beside, series, { unit, digits = 3, marks, words, axes, ...rest }) {
  const points = (all, value) => all.map((epoch) => [epoch.epoch, value(epoch) ?? null]);
  const there = series.filter(({ value }) => epochs.some((epoch) => Number.isFinite(value(epoch))));
  if (there.length === 0) return { nothing: words };
  const newest = epochs.at(-1);
  const told = there.map(({ name, value }) => `${name} ${fixed(value(newest), digits)} ${unit}`);
  const onset = (marks ?? []).map(({ word }) => word).join(", ");
  return {
    axes, marks, ...rest,
    label: `At epoch ${newest.epoch}: ${told.join(", ")}.${onset ? ` Marked: ${onset}.` : ""}`,
    traces: () => [
      ...(beside ? there.map(({ name, look: of, value }) => line(`${name} (${beside.name})`, points(beside.epochs, value), { ...of, dash: "dot" }, { digits, faint: true })) : []),
      ...there.map(({ name, look: of, value }) => line(name, points(epochs, value), of, { digits })),
    ],
    table: () => ({
      head: ["epoch", ...there.map(({ name }) => name), ...(beside ? there.map(({ name }) => `${name} (${beside.name})`) : [])],
      rows: epochs.map((epoch) => {
        const other = beside?.epochs.find((candidate) => candidate.epoch === epoch.epoch);
        const own = there.map(({ value }) => fixed(value(epoch), digits));
        return [epoch.epoch, ...own, ...(beside ? there.map(({ value }) => fixed(other ? value(other) : undefined, digits)) : [])];
      }),
    }),
  };
}

// A measure of each layer; `of` is its entry in the catalogue.
export function measure(epochs, beside, layers, of, marks, words) {
  const series = layers.map((layer, place) => ({
    name: layer, look: look(place), value: (epoch) => epoch.layers.find((found) => found.layer === layer)?.[of.name]?.[of.statistic],
  }));
  const unit = of.unit === "number" ? "" : of.unit;
  return overEpochs(epochs, beside, series, { unit, marks, words, axes: { x: "epoch", y: unit }, yaxis: { rangemode: of.fromZero ? "tozero" : "normal" } });
}

// The trainer's own metrics whose names end in `ending`.
export function metric(epochs, beside, ending, marks, share) {
  const names = [...new Set(epochs.flatMap((epoch) => Object.keys(epoch.metrics)))].filter((name) => name.endsWith(ending));
  const order = ["train", "val", "test"];
  const rank = (name) => (order.findIndex((word) => name.startsWith(word)) + order.length + 1) % (order.length + 1);
  names.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  const series = names.map((name, place) => ({ name: inWords(name), look: look(place), value: (epoch) => epoch.metrics[name] }));
  const words = `The trainer sent no ${inWords(ending).trim()}.`;
  const shown = overEpochs(epochs, beside, series, {
    unit: "", marks, words, axes: { x: "epoch", y: share ? "share" : "nats" }, yaxis: share ? { tickformat: ".0%" } : {},
  });
  return { ...shown, key: series.map(({ name, look: of }) => ({ name, ...of })) };
}

export function boxes(epochs, layer, marks) {
  const all = epochs.map((epoch) => [epoch.epoch, epoch.layers.find((of) => of.layer === layer)?.entropy_network_box]).filter(([, box]) => box);
  if (all.length === 0) return { nothing: "No entropies of this layer yet." };
  const step = Math.ceil(all.length / BOXES_MAX);
  const some = all.filter((_, place) => (all.length - 1 - place) % step === 0);
  const of = (place) => some.map(([, box]) => box[place]);
  const [newest, box] = all.at(-1);
  return {
    axes: { x: step > 1 ? `epoch (every ${step}th)` : "epoch", y: "nats" }, marks,
    label: `At epoch ${newest} half of the neurons lie between ${fixed(box[1])} and ${fixed(box[3])} nats, the median at ${fixed(box[2])}.`,
    layout: { hovermode: "closest" }, yaxis: { rangemode: "normal" },
    traces: () => [{
      type: "box", x: some.map(([epoch]) => epoch), lowerfence: of(0), q1: of(1), median: of(2), q3: of(3), upperfence: of(4), name: "",
      line: { color: colour("series-1"), width: 1.3 }, fillcolor: "rgba(0,0,0,0)", whiskerwidth: 0.4, hoverinfo: "y",
    }],
    table: () => ({ head: ["epoch", "5 %", "25 %", "median", "75 %", "95 %"], rows: all.map(([epoch, quartiles]) => [epoch, ...quartiles.map((value) => fixed(value))]) }),
  };
}

function densityOf(epoch, layer) {
  const density = epoch?.layers.find((of) => of.layer === layer)?.mutual_information_density;
  if (!density) return null;
  const width = (density.to - density.from) / density.counts.length || 1e-9;
  const pairs = density.counts.reduce((sum, count) => sum + count, 0);
  return density.counts.map((count, place) => [density.from + (place + 0.5) * width, count / (pairs * width)]);
}

// The densities of three epochs: the first, the onset, the newest.
export function densities(epochs, beside, layer, standing) {
  const onset = standing?.verdict === "memorizing" ? epochs.find(({ epoch }) => epoch === standing.onset_epoch) : null;
  const chosen = [
    { name: `epoch ${epochs[0]?.epoch}`, epoch: epochs[0], colour: "soft", dash: "dot" },
    onset && { name: `epoch ${onset.epoch}, the onset`, epoch: onset, colour: "mark", dash: "dash" },
    { name: `epoch ${epochs.at(-1)?.epoch}, the newest`, epoch: epochs.at(-1), colour: "series-1", dash: "solid" },
    beside && { name: `${beside.name}, epoch ${beside.epochs.at(-1)?.epoch}`, epoch: beside.epochs.at(-1), colour: "series-3", dash: "dashdot" },
  ];
  const drawn = chosen.filter((one, place) => one && chosen.findIndex((other) => other?.epoch === one.epoch) === place)
    .map((one) => ({ ...one, points: densityOf(one.epoch, layer) })).filter(({ points }) => points);
  if (drawn.length === 0) return { nothing: "No pairs of this layer yet." };
  const peak = (points) => points.reduce((best, point) => (point[1] > best[1] ? point : best))[0];
  return {
    axes: { x: "nats", y: "density" }, key: drawn, layout: { hovermode: "closest" },
    label: drawn.map(({ name, points }) => `${name}: most pairs near ${fixed(peak(points))} nats`).join("; "),
    traces: () => drawn.map(({ name, points, ...of }) => ({
      ...line(name, points, of, { digits: 2 }), mode: "lines", line: { color: colour(of.colour), dash: of.dash, width: 2, shape: "spline", smoothing: 0.6 },
      hovertemplate: `%{x:.3f} nats<extra>${plain(name)}</extra>`,
    })),
    table: () => ({
      head: ["epoch", "smallest", "most pairs near", "largest"],
      rows: drawn.map(({ name, points }) => [name, fixed(points[0][0]), fixed(peak(points)), fixed(points.at(-1)[0])]),
    }),
  };
}

export function heatMap(matrix) {
  if (!matrix) return { nothing: "No pair matrix of this layer is kept." };
  const { neurons, blocks } = matrix;
  const single = blocks === neurons;
  // The diagonal has each neuron's entropy, which is larger than all pairs, so it is left out.
  const cells = matrix.mutual_information_nats.map((row, i) => row.map((value, j) => (single && i === j ? null : value)));
  const pairs = [];
  cells.forEach((row, i) => row.forEach((value, j) => value !== null && i <= j && pairs.push([value, i, j])));
  pairs.sort((a, b) => b[0] - a[0]);
  const width = neurons / blocks;
  const named = (block) => {
    const [first, last] = [Math.ceil(block * width), Math.ceil((block + 1) * width) - 1];
    return first === last ? `${first}` : `${first} to ${last}`;
  };
  const top = pairs[Math.floor(pairs.length / 200)]?.[0] ?? 1;
  const mean = pairs.reduce((sum, [value]) => sum + value, 0) / (pairs.length || 1);
  return {
    axes: { x: "neuron", y: "neuron" }, layout: { hovermode: "closest", margin: { t: 10, r: 12, b: 30, l: 48 } },
    xaxis: { constrain: "domain" }, yaxis: { autorange: "reversed", scaleanchor: "x", constrain: "domain", rangemode: "normal", showgrid: false },
    label: `Epoch ${matrix.epoch}, ${neurons} neurons${single ? "" : ` in ${blocks} blocks`}: mean ${fixed(mean)}, largest ${fixed(pairs[0]?.[0])} nats.`,
    traces: () => [{
      type: "heatmap", z: cells, x0: (width - 1) / 2, dx: width, y0: (width - 1) / 2, dy: width, zmin: 0, zmax: top || 1,
      colorscale: [[0, colour("low")], [1, colour("high")]], hovertemplate: "%{y} with %{x}: %{z:.3f} nats<extra></extra>",
      colorbar: { orientation: "h", y: -0.16, yanchor: "top", thickness: 8, outlinewidth: 0, nticks: 5, tickfont: { size: 11 }, title: { text: "nats", side: "right", font: { size: 11 } } },
    }],
    table: () => ({
      head: [single ? "strongest pairs" : "strongest pairs of blocks", "with", "nats"],
      rows: pairs.slice(0, 25).map(([value, i, j]) => [named(i), named(j), fixed(value)]),
    }),
  };
}

// How unusual the rows of the window are; the table lists the most unusual ones.
export function surprisals(told) {
  const rows = (told?.surprisal_nats ?? []).map((nats, row) => [row, nats]).filter(([, nats]) => nats !== null);
  if (rows.length === 0) return { nothing: "No surprisal values are in memory." };
  const ordered = [...rows].sort((a, b) => b[1] - a[1]);
  const median = ordered[Math.floor(ordered.length / 2)][1];
  return {
    axes: { x: "nats", y: "rows" }, layout: { hovermode: "closest" },
    label: `Epoch ${told.epoch}, ${whole(rows.length)} rows: median ${fixed(median)} nats, the most unusual row ${ordered[0][0]} with ${fixed(ordered[0][1])}.`,
    traces: () => [{
      type: "histogram", x: rows.map(([, nats]) => nats), nbinsx: 40, marker: { color: colour("series-1") },
      hovertemplate: "%{y} rows near %{x} nats<extra></extra>",
    }],
    table: () => ({ head: ["most unusual rows", "nats"], rows: ordered.slice(0, 25).map(([row, nats]) => [row, fixed(nats)]) }),
  };
}

export function health(epochs) {
  const series = [{ name: "compute time", look: look(0), value: (epoch) => epoch.compute_seconds }];
  const shown = overEpochs(epochs, null, series, { unit: "s", digits: 4, words: "No epoch has been measured yet.", axes: { x: "epoch", y: "seconds" } });
  if (shown.nothing) return shown;
  return {
    ...shown,
    table: () => ({
      head: ["epoch", "compute time", "rows", "coverage"],
      rows: epochs.map((epoch) => [epoch.epoch, duration(epoch.compute_seconds), epoch.rows, percent(epoch.coverage)]),
    }),
  };
}
