// Elements are made one by one, never from markup: what comes from Parameter Store is text wherever it is shown.

export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

let fields = 0;

/** A labelled input, select or textarea; `hint` is read with it. */
export function field(label, control, hint = "", className = "field") {
  control.id ||= `field-${(fields += 1)}`;
  const about = hint ? h("span", { class: "hint", id: `${control.id}-hint` }, hint) : null;
  if (about) control.setAttribute("aria-describedby", about.id);
  return h("div", { class: className }, h("label", { for: control.id }, label), control, about);
}

export const plural = (count, noun) => `${count.toLocaleString("en")} ${count === 1 ? noun : noun === "entry" ? "entries" : `${noun}s`}`;

export const skeleton = (lines = 5) =>
  h("div", { class: "panel", "aria-busy": "true" }, h("p", { class: "visually-hidden" }, "Loading"),
    h("div", { class: "skeleton", "aria-hidden": "true" }, Array.from({ length: lines }, () => h("i"))));

export function errorNotice(error, again, ...more) {
  return h("div", { class: "notice bad stack tight", role: "alert" },
    h("p", {}, h("strong", {}, "This did not work.")),
    error.message.split("\n").map((line) => h("p", {}, line)),
    again ? h("div", { class: "actions" }, h("button", { type: "button", class: "plain", onclick: again }, "Try again"), more) : null);
}

/** What counts as a finding; repairs and notes are only mentioned. */
export const counted = (items) => items.filter(({ severity }) => ["error", "skipped", "warning"].includes(severity)).length;

const SEVERITIES = { error: "bad", skipped: "bad", warning: "warn", repaired: "accent", note: "" };

export const findings = (items) => h("ul", { class: "plain-list" }, items.map((item) =>
  h("li", { class: "finding" },
    h("header", {},
      h("span", { class: `badge ${SEVERITIES[item.severity] ?? ""}` }, item.severity),
      h("code", {}, item.location || "document"),
      h("small", { class: "soft" }, item.code)),
    h("p", {}, sentence(item.message)),
    item.remedy ? h("p", { class: "remedy" }, item.remedy) : null)));

export function sentence(text) {
  const whole = /[.!?]$/.test(text) ? text : `${text}.`;
  return whole.charAt(0).toUpperCase() + whole.slice(1);
}

const FEW = 10;

/** Who gains and who loses access: the first of each kind, the rest folded. */
export function access(difference) {
  const kinds = [
    ["gained", "+", difference.gained.map(({ who, where }) => `${who} may read ${where}`)],
    ["lost", "−", difference.lost.map(({ who, where }) => `${who} may no longer read ${where}`)],
    ["", "~", difference.changed.map((text) => text.replaceAll(" -> ", " → "))],
  ];
  const list = (kind, sign, texts) =>
    h("ul", { class: "plain-list access" }, texts.map((text) => h("li", { class: kind, "data-sign": sign }, text)));
  return h("div", {}, kinds.filter(([, , texts]) => texts.length).map(([kind, sign, texts]) => {
    const few = texts.length <= FEW + 2 ? texts : texts.slice(0, FEW);
    const rest = texts.slice(few.length);
    return [list(kind, sign, few), rest.length ? h("details", {}, h("summary", {}, `${sign} ${rest.length.toLocaleString("en")} more`), list(kind, sign, rest)) : null];
  }));
}

/** The lines of a unified difference. */
export function textDifference(lines) {
  const kinds = { "+": "added", "-": "removed", "@": "gap" };
  return h("div", { class: "diff", tabindex: "0", role: "group", "aria-label": "Difference of the texts" },
    lines.slice(0, 1000).map((line, number) => {
      if (line.startsWith("@@")) return number ? h("span", { class: "gap" }, "…") : null;
      return h("span", { class: kinds[line[0]] ?? "" }, line);
    }));
}

/** Whose policies they are. */
export const scope = ({ region, root, account }) => `${region} · ${root} · ${account}`;

export const time = (iso) => (iso ? h("time", { datetime: iso, title: iso }, new Date(iso).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" })) : "unknown");
