// Elements of the page. Text is inserted as text, so that tags in a name have no effect.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(name, value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function table(caption, { head, rows }) {
  const cells = (kind, scope) => (text, place) =>
    place === 0 ? element("th", { scope }, String(text)) : element(kind, kind === "th" ? { scope } : {}, String(text));
  return element(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, ...head.map(cells("th", "col")))),
      element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cells("td", "row"))))),
    ),
  );
}

// A select element that keeps the focus when its options change.
export function choice(label, chosen) {
  const select = element("select", { change: () => chosen(select.value) });
  const whole = element("label", {}, label, select);
  let known = "";
  const offer = (options, value) => {
    const told = JSON.stringify(options);
    if (told !== known) {
      known = told;
      select.replaceChildren(...options.map(([name, text]) => element("option", { value: name }, text)));
    }
    if (select.value !== value) select.value = value;
  };
  return { whole, offer };
}
