// Two runs held against each other: what the daemon says of them, and the numbers behind it. Nothing is decided here.

import { choice, element, table } from "/assets/elements.js";
import { fixed, inWords, sentence } from "/assets/words.js";

const TITLES = {
  clear: ({ better }) => `${better} generalises better`,
  leaning: ({ better }) => `${better} probably generalises better`,
  contradictory: () => "Undecided: the measures contradict each other",
  alike: () => "Undecided: no measure tells the two apart",
  too_early: () => "Too early to compare",
  incomparable: () => "These two cannot be compared",
};

const FEARS = [["", "what the verdicts say"], ["heuristic", "shortcuts"], ["example-level", "examples learnt by heart"]];

function numbers({ runs, measures, epoch }) {
  const head = [`At epoch ${epoch}, nats`, ...runs.map(({ run }) => run), "difference", "fluctuation", "better", "since epoch"];
  const rows = measures.map((one) => [
    `mean ${inWords(one.measure)}`, ...one.nats.map((nats) => fixed(nats, 4)), fixed(one.difference_nats, 4), fixed(one.fluctuation_nats ?? NaN, 4),
    one.better ?? "neither", one.since_epoch ?? "–",
  ]);
  return table("Both measures of both runs", { head, rows });
}

// The section about a run and the one beside it; `feared(kind)` is called when the reader says what is to be feared.
export function comparison(feared) {
  const fear = choice("Feared", feared);
  const card = element("div", { class: "verdict", role: "status" });
  const section = element("section", { "aria-label": "Comparison", hidden: true }, element("div", { class: "bar" }, element("h3", {}, "Side by side"), fear.whole), card);
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
      // A sentence that begins with a run's name begins as the name does.
      const says = decided || told.verdict === "incomparable" ? `${told.says}.` : sentence(told.says);
      card.className = `verdict ${told.verdict === "clear" ? "learning" : ""}`;
      card.replaceChildren(element("h3", {}, element("span", { "aria-hidden": "true" }, decided ? "▶ " : "○ "), TITLES[told.verdict](told)), element("p", {}, says));
      if (!told.measures) return;
      card.append(element("p", {}, sentence(told.direction)), numbers(told));
      if (told.doubt) card.append(element("p", {}, sentence(told.doubt)));
    },
  };
}
