// The button that asks a run to stop. The token is kept only in this tab, until it is closed.

import { element } from "/assets/elements.js";
import { source } from "/assets/source.js";

const KEY = "rotewatch token";

export function stopButton(runName) {
  const reason = element("input", { name: "reason", maxlength: "200", required: true, autocomplete: "off" });
  const token = element("input", { name: "token", type: "password", autocomplete: "off", spellcheck: "false" });
  const tokenLabel = element("label", {}, "Token (the file token in the daemon's state folder)", token);
  const refused = element("p", { class: "refused", role: "alert" });
  const heading = element("h3", { id: "stop-heading" });
  const ask = async (event) => {
    event.preventDefault();
    if (token.value) sessionStorage.setItem(KEY, token.value.trim());
    try {
      const answer = await source.stop(runName(), reason.value, sessionStorage.getItem(KEY) ?? "");
      if (answer.ok) return dialog.close();
      if (answer.status === 401) sessionStorage.removeItem(KEY);
      refused.textContent = answer.status === 401 ? "The token is wrong." : (await answer.json()).error;
    } catch {
      refused.textContent = "The daemon does not answer.";
    }
    tokenLabel.hidden = sessionStorage.getItem(KEY) !== null;
    if (!tokenLabel.hidden) token.focus();
  };
  const dialog = element(
    "dialog",
    { "aria-labelledby": "stop-heading" },
    element(
      "form",
      { submit: ask },
      heading,
      element("p", { class: "note" }, "The trainer stops after the current epoch."),
      element("label", {}, "Reason", reason),
      tokenLabel,
      refused,
      element("div", { class: "buttons" }, element("button", { type: "button", click: () => dialog.close() }, "Cancel"), element("button", { class: "stop" }, "Stop the run")),
    ),
  );
  document.body.append(dialog);
  const open = () => {
    heading.textContent = `Stop ${runName()}?`;
    reason.value = "requested on the live page";
    token.value = refused.textContent = "";
    tokenLabel.hidden = sessionStorage.getItem(KEY) !== null;
    dialog.showModal();
  };
  return element("button", { class: "stop", type: "button", click: open }, "Stop …");
}
