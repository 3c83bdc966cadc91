// The review of a change: what it does is shown before it is written, and only what was shown is written.

import { access, errorNotice, findings, h, plural, sentence, skeleton, textDifference } from "./dom.js";
import { send } from "./api.js";

const SMALL = 14;
const VERBS = { allow: "Allow origins", revoke: "Remove origins", replace: "Change the text", rollback: "Restore an older version", delete: "Delete" };

const dialog = document.getElementById("review");

/** Shows what a change would do; `done` is called with a sentence once it is written. */
export async function review(change, done) {
  show(change, skeleton(4));
  dialog.showModal();
  try {
    present(change, await send("propose", { change }), done);
  } catch (error) {
    show(change, errorNotice(error));
  }
}

function show(change, body, buttons = []) {
  dialog.replaceChildren(
    h("header", {}, h("h2", { id: "review-title", tabindex: "-1" }, `${VERBS[change.kind]}: ${change.target}`), h("p", { class: "meta" }, document.getElementById("scope").textContent)),
    h("div", { class: "body stack" }, body),
    h("footer", {}, buttons.slice(0, 1),
      h("button", { type: "button", class: "plain", id: "review-close", onclick: () => dialog.close() }, buttons.length ? "Cancel" : "Close"),
      buttons.slice(1)));
}

function present(change, proposal, done, refusal = null) {
  const blocked = proposal.refused.length > 0 || proposal.changes_nothing;
  const boxes = proposal.consents.map(({ code, sentence: text }) => {
    const input = h("input", { type: "checkbox", value: code, onchange: update });
    return { input, label: h("label", { class: "check" }, input, h("span", {}, sentence(text))) };
  });
  const button = h("button", { type: "button", class: proposal.deletes ? "danger" : "", id: "review-write", onclick: write }, label(proposal));
  const others = proposal.findings.filter(({ code }) => !proposal.consents.some((consent) => consent.code === code));
  const waiting = h("p", {}, boxes.length ? "Confirm each point to continue." : "");

  function update() {
    button.disabled = !boxes.every(({ input }) => input.checked);
    waiting.hidden = !button.disabled;
  }

  async function write() {
    button.disabled = true;
    button.textContent = "Writing …";
    try {
      const { version } = await send("write", { change, proposal: proposal.id, accepted: boxes.map(({ input }) => input.value) });
      dialog.close();
      done(version === null ? `Deleted ${proposal.parameter}` : `Written: ${proposal.parameter} version ${version}`, version === null);
    } catch (error) {
      if (error.proposal) present(change, error.proposal, done, error);
      else show(change, errorNotice(error));
    }
  }

  show(change, [
    refusal ? h("p", { class: "notice bad", role: "alert" }, refusal.message) : null,
    proposal.refused.length ? h("section", { class: "stack tight" },
      h("p", { class: "notice bad" }, h("strong", {}, "This can’t be written."), " Fix what is listed here first."), findings(proposal.refused)) : null,
    proposal.changes_nothing ? h("p", { class: "notice" }, "There is nothing to write: the parameter already has this content.") : null,
    proposal.read_as.length ? h("section", {}, h("h3", {}, "Read as"),
      h("ul", { class: "plain-list" }, proposal.read_as.map(({ given, entry, notes }) =>
        h("li", {}, h("code", {}, given), " is ", h("code", {}, entry), h("small", { class: "soft" }, ` ${notes.join("; ")}`))))) : null,
    proposal.changes_nothing || proposal.refused.length ? null : consequences(proposal),
    boxes.length && !blocked ? h("section", { class: "notice warn" }, h("h3", {}, "Confirm first"), boxes.map(({ label: box }) => box)) : null,
    proposal.notes.length ? h("section", {}, h("h3", {}, "Note"), proposal.notes.map((note) => h("p", {}, sentence(note)))) : null,
    unchanged(proposal),
    others.length && !proposal.refused.length ? h("section", { class: "stack tight" }, h("h3", {}, "New findings"), findings(others)) : null,
    proposal.text.length ? h("details", { open: proposal.text.length <= SMALL }, h("summary", {}, `Text of ${proposal.parameter}`), textDifference(proposal.text)) : null,
  ].filter(Boolean), blocked ? [] : [waiting, button]);
  if (!blocked) update();
  document.getElementById(button.disabled || blocked ? "review-title" : "review-write").focus();
}

function label({ deletes, creates, parameter, version }) {
  if (deletes) return "Delete";
  return creates ? `Create ${parameter.split("/").pop()}` : `Write version ${version + 1}`;
}

function consequences({ access: sites }) {
  const entries = Object.entries(sites);
  return h("section", { class: "stack tight" }, h("h3", {}, "Who gains and who loses access"),
    entries.length
      ? entries.map(([site, difference]) => [entries.length > 1 ? h("h4", {}, `Site ${site}`) : null, access(difference)])
      : h("p", { class: "soft" }, "Nobody gains or loses access."));
}

function unchanged({ others }) {
  if (!others.length) return null;
  return h("section", {}, h("h3", {}, `${plural(others.length, "origin")} not changed`),
    h("ul", { class: "plain-list" }, others.slice(0, 100).map(({ entry, why }) => h("li", {}, h("code", {}, entry), ` ${why}`))));
}

