// Formats numbers and verdicts for display.

const NOTHING = "–";

export function fixed(value, digits = 3) {
  return Number.isFinite(value) ? value.toFixed(digits).replace("-", "−") : NOTHING;
}

export function percent(share, digits = 1) {
  return Number.isFinite(share) ? `${(100 * share).toFixed(digits)} %` : NOTHING;
}

export function whole(value) {
  return Number.isFinite(value) ? value.toLocaleString("en") : NOTHING;
}

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return NOTHING;
  return seconds < 1 ? `${(1000 * seconds).toFixed(1)} ms` : `${seconds.toFixed(2)} s`;
}

export function moment(unixSeconds) {
  return Number.isFinite(unixSeconds) ? new Date(1000 * unixSeconds).toLocaleString() : NOTHING;
}

const KINDS = {
  example_level: "Memorizing wrong labels or single examples",
  heuristic: "Memorizing a shortcut",
  baseline: "Departs from the baseline run",
};

export function kindInWords(kind) {
  return KINDS[kind] ?? kind;
}

// Whether the verdict is "learning" after an alarm that ended.
export function hasEnded(standing) {
  return standing.verdict === "learning" && Number.isFinite(standing.ended_epoch);
}

function alarmThatEnded({ alarm_epoch: alarm, ended_epoch: ended }) {
  return `alarm at ${alarm}, ended at ${ended}`;
}

// The class of a verdict in style sheets.
export function verdictClass(standing) {
  return hasEnded(standing) ? "ended" : standing.verdict;
}

// The verdict on a run as a heading, and in a list.
export function verdictInWords(standing) {
  if (standing.verdict === "memorizing") return `${kindInWords(standing.kind)} since epoch ${standing.onset_epoch}`;
  if (hasEnded(standing)) return `Learning; ${alarmThatEnded(standing)}`;
  if (standing.verdict === "learning") return "Learning";
  if (standing.verdict === "cannot_judge") return "Cannot judge";
  return "Too early";
}

export function verdictInBrief(standing) {
  if (standing.verdict === "memorizing") return `memorizing since epoch ${standing.onset_epoch}`;
  if (hasEnded(standing)) return alarmThatEnded(standing);
  if (standing.verdict === "cannot_judge") return "cannot judge";
  return standing.verdict === "learning" ? "learning" : "too early";
}

// How many of the training rows are memorized, in words; empty if that is unknown.
export function shareInWords({ memorized_share: share }) {
  if (!share) return "";
  const [estimate, low, high] = [share.estimate, share.low, share.high].map((value) => (100 * value).toFixed(0));
  return `About ${estimate} % (${low} to ${high} %) of the training rows are known by heart.`;
}

// Turns a clause into a sentence, with a capital letter and a full stop.
export function sentence(text) {
  if (!text) return NOTHING;
  const closed = /[.!?]$/.test(text) ? text : `${text}.`;
  return closed[0].toUpperCase() + closed.slice(1);
}

export function inWords(name) {
  return name.replaceAll("_", " ");
}
