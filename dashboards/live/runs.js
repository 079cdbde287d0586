// The list of runs: first those that are training, then the newest. It can be searched, and shows a hundred runs at a time.

import { element } from "/assets/elements.js";
import { verdictClass, verdictInBrief } from "/assets/words.js";

const AT_A_TIME = 100;
const WORTH_FINDING = 10;

function inOrder(runs) {
  const isTrained = ({ status }) => status === "training";
  const newestFirst = (a, b) => (b.updated_at ?? 0) - (a.updated_at ?? 0);
  return [...runs].sort((a, b) => isTrained(b) - isTrained(a) || (isTrained(a) ? a.run.localeCompare(b.run) : newestFirst(a, b)));
}

// Fills `nav`. `linkTo(name)` returns the address of a run; `show(runs, current)` updates the list.
export function runList(nav, linkTo) {
  let all = [];
  let current = null;
  let most = AT_A_TIME;
  const word = element("input", { type: "search", autocomplete: "off", spellcheck: "false", input: () => {
    most = AT_A_TIME;
    render();
  } });
  const find = element("label", { hidden: true }, "Find a run", word);
  const entries = element("ul");
  const more = element("button", { type: "button", hidden: true, click: () => {
    most += AT_A_TIME;
    render();
  } });
  nav.append(element("h2", {}, "Runs"), find, entries, more);

  function entry(run) {
    const epoch = run.epoch === null ? "" : `, epoch ${run.epoch}`;
    return element("li", {}, element(
      "a", { href: linkTo(run.run), "aria-current": run.run === current ? "true" : null },
      element("span", { class: "name" }, run.run),
      element("span", { class: `state ${verdictClass(run)}` }, verdictInBrief(run)),
      element("span", { class: "state" }, `${run.status}${epoch}`),
    ));
  }

  function render() {
    const wanted = word.value.trim().toLowerCase();
    const found = all.filter((run) => `${run.run} ${verdictInBrief(run)} ${run.status}`.toLowerCase().includes(wanted));
    const shown = found.slice(0, most);
    const hidden = found.slice(most);
    shown.unshift(...hidden.filter(({ run }) => run === current));
    const focused = entries.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    entries.replaceChildren(...shown.map(entry));
    if (focused) [...entries.querySelectorAll("a")].find((anchor) => anchor.getAttribute("href") === focused)?.focus();
    find.hidden = all.length < WORTH_FINDING;
    more.hidden = hidden.length === 0;
    more.textContent = `Show more (${hidden.length} left)`;
  }

  return {
    show(runs, name) {
      all = inOrder(runs);
      current = name;
      render();
    },
  };
}
