// Shows the verdict on a run in words, with the reason and what to do.

import { element, table } from "/assets/elements.js";
import { fixed, hasEnded, inWords, kindInWords, sentence, shareInWords, verdictClass, verdictInWords } from "/assets/words.js";

const HARMS = { shown: "shown: the network does worse on rows that it has never seen", suspected: "suspected, not shown yet" };
const SIGNS = { memorizing: "▲", learning: "●", ended: "△", too_early: "○", cannot_judge: "■" };

function described(pairs) {
  return element("dl", {}, ...pairs.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));
}

function evidenceOf(finding) {
  const rows = (finding.evidence ?? []).map((one) => [
    inWords(one.signal), fixed(one.value), `${fixed(one.reference)} at epoch ${one.reference_epoch}`, fixed(one.ratio), fixed(one.threshold),
  ]);
  if (rows.length === 0) return null;
  const head = ["signal", "value", "compared with", "ratio", "threshold"];
  return element("details", {}, element("summary", {}, "Evidence"), table("Evidence", { head, rows }));
}

export function verdictCard(standing) {
  const card = element("div", { class: `verdict ${verdictClass(standing)}`, role: "status" });
  const sign = element("span", { "aria-hidden": "true" }, `${SIGNS[verdictClass(standing)] ?? "○"} `);
  card.append(element("h3", {}, sign, verdictInWords(standing)));
  if (standing.verdict === "memorizing") {
    card.append(described([
      ["Why", sentence(standing.why)],
      ["What to do", sentence(standing.remedy)],
      ["Harm", HARMS[standing.harm]],
      ["Where", (standing.layers ?? []).join(", ")],
      ["Found", `at epoch ${standing.alarm_epoch}`],
    ].filter(([, text]) => text)));
    card.append(...[evidenceOf(standing)].filter(Boolean));
    for (const other of (standing.findings ?? []).filter((finding) => finding.kind !== standing.kind)) {
      card.append(element("p", {}, `Also: ${kindInWords(other.kind).toLowerCase()} since epoch ${other.onset_epoch}. ${sentence(other.why)}`));
    }
  } else if (hasEnded(standing)) {
    card.append(element("p", {}, "The signs of memorization have gone. There is nothing to do, unless the alarm comes back."));
    card.append(described([
      ["Alarm", `${kindInWords(standing.kind)} since epoch ${standing.onset_epoch}`],
      ["Why", sentence(standing.why)],
      ["Harm then", standing.harm],
      ["Where", (standing.layers ?? []).join(", ")],
    ].filter(([, text]) => text)));
    card.append(...[evidenceOf(standing)].filter(Boolean));
  } else if (standing.verdict === "learning") {
    card.append(element("p", {}, standing.why ? "No sign of memorization so far." : "No sign of memorization so far. There is nothing to do."));
    if (standing.why) card.append(described([["Caveat", sentence(standing.why)], ["What to do", sentence(standing.remedy)]]));
  } else if (standing.verdict === "cannot_judge") {
    card.append(element("p", {}, "This is not good news: the network may or may not memorize."));
    card.append(described([["Why", sentence(standing.why)], ["What to do", sentence(standing.remedy)]]));
  } else {
    card.append(element("p", {}, sentence(standing.why ?? "No epoch has been judged yet")));
  }
  const share = shareInWords(standing);
  if (share) card.append(element("p", {}, share));
  if (standing.stop) card.append(element("p", { class: "stopping" }, `The trainer was asked to stop: ${standing.reason}`));
  return card;
}
