// Compares two runs: shows the daemon's result and its numbers. The page itself decides nothing.

import { choice, element, table } from "/assets/elements.js";
import { fixed, inWords, sentence } from "/assets/words.js";

const TITLES = {
  clear: ({ better }) => `${better} generalises better`,
  leaning: ({ better }) => `${better} probably generalises better`,
  contradictory: () => "Undecided: the measures contradict each other",
  alike: () => "Undecided: no measure shows a difference",
  too_early: () => "Too early to compare",
  incomparable: () => "These two runs cannot be compared",
};

const FEARS = [["", "as in the verdicts"], ["heuristic", "a shortcut"], ["example-level", "wrong labels or single examples"]];

function numbers({ runs, measures, epoch }) {
  const head = [`At epoch ${epoch}, nats`, ...runs.map(({ run }) => run), "difference", "fluctuation", "better", "since epoch"];
  const rows = measures.map((one) => [
    `mean ${inWords(one.measure)}`, ...one.nats.map((nats) => fixed(nats, 4)), fixed(one.difference_nats, 4), fixed(one.fluctuation_nats ?? NaN, 4),
    one.better ?? "neither", one.since_epoch ?? "–",
  ]);
  return table("Both measures of both runs", { head, rows });
}

// The section that compares a run with the selected other run; `feared(kind)` is called when the user selects a kind of memorization.
export function comparison(feared) {
  const fear = choice("Kind of memorization", feared);
  const card = element("div", { class: "verdict", role: "status" });
  const section = element("section", { "aria-label": "Comparison", hidden: true }, element("div", { class: "bar" }, element("h3", {}, "Comparison"), fear.whole), card);
  let shown = null;

  return {
    section,
    show(told, against) {
      section.hidden = !told;
      if (!told) return;
      fear.offer(FEARS, against ?? "");
      const written = JSON.stringify(told);
      if (written === shown) return;
      shown = written;
      const decided = Boolean(told.better);
      // A sentence that begins with a run's name keeps the name's spelling.
      const says = decided || told.verdict === "incomparable" ? `${told.says}.` : sentence(told.says);
      card.className = `verdict ${told.verdict === "clear" ? "learning" : ""}`;
      card.replaceChildren(element("h3", {}, element("span", { "aria-hidden": "true" }, decided ? "▶ " : "○ "), TITLES[told.verdict](told)), element("p", {}, says));
      if (!told.measures) return;
      card.append(element("p", {}, sentence(told.direction)), numbers(told));
      if (told.doubt) card.append(element("p", {}, sentence(told.doubt)));
    },
  };
}
