// All sites and lists: what needs attention first, then a card each.

import { field, h, plural, scope } from "./dom.js";
import { review } from "./change.js";

const link = (target) => (target.startsWith("@") ? `#/list/${encodeURIComponent(target.slice(1))}` : `#/site/${encodeURIComponent(target)}`);

// A screen reader says the name of an image, but not the title of an empty element.
const dot = (kind, meaning) => h("span", { class: kind, role: "img", "aria-label": meaning, title: meaning });

export function navigation({ sites, lists }, current) {
  const item = (target, row) =>
    h("li", {}, h("a", { href: link(target), "aria-current": target === current ? "page" : null }, target,
      row.error ? dot("dot bad", "can’t be read") : row.mode === "rejected" ? dot("dot bad", "rejected") : row.findings ? dot("dot", plural(row.findings, "finding")) : null));
  if (!sites.length && !lists.length) return [];
  return [
    h("h2", {}, "Sites"), h("ul", {}, sites.map((row) => item(row.site, row))),
    h("h2", {}, "Lists"), h("ul", {}, lists.map((row) => item(row.list, row))),
  ];
}

export function overview(data, done) {
  const { sites, lists } = data;
  if (data.refused) return [h("h1", { tabindex: "-1" }, "Sites and lists"), h("p", { class: "notice warn" }, data.refused), opening()];
  if (!sites.length && !lists.length) {
    return [
      h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "No sites yet")),
      h("div", { class: "empty" }, h("p", {}, `There are no policies in ${data.region} below ${data.root}.`),
        h("p", {}, "Create the first one: a site, and the origins that may read it.")),
      creation(done, true),
    ];
  }
  return [
    h("div", {}, h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "Sites and lists")),
      h("p", { class: "meta" }, h("span", {}, `${plural(sites.length, "site")} and ${plural(lists.length, "list")}`), h("span", { class: "narrow" }, scope(data)))),
    attention(data),
    h("section", { "aria-labelledby": "sites-title" }, h("h2", { id: "sites-title" }, "Sites"),
      sites.length ? h("ul", { class: "cards" }, sites.map(siteCard)) : h("p", { class: "empty" }, "No sites yet.")),
    h("section", { "aria-labelledby": "lists-title" }, h("h2", { id: "lists-title" }, "Lists"),
      lists.length ? h("ul", { class: "cards" }, lists.map(listCard)) : h("p", { class: "empty" }, "No lists yet. A list holds origins that several sites share.")),
    creation(done, false),
  ];
}

function opening() {
  const name = h("input", { class: "mono", required: true, autocomplete: "off", autocapitalize: "off", spellcheck: "false", placeholder: "shop or @partners" });
  const submit = (event) => {
    event.preventDefault();
    location.hash = link(name.value.trim());
  };
  return h("form", { class: "panel stack tight", onsubmit: submit },
    h("h2", {}, "Open one by its name"), field("Name", name, "A site’s name, or @ and the name of a list."),
    h("div", { class: "actions" }, h("button", {}, "Open")));
}

function attention({ sites, missing_lists: lists, missing_sites: aliases, unreadable }) {
  const items = [
    ...sites.filter(({ mode }) => mode === "rejected").map(({ site }) =>
      [h("a", { href: `${link(site)}/findings` }, site), " is rejected: the last good policy stays in use."]),
    ...Object.entries(lists).map(([list, users]) => [h("strong", {}, list), ` does not exist, but ${users.join(", ")} uses it.`]),
    ...Object.entries(aliases).map(([site, names]) => [h("strong", {}, site), ` does not exist, but the alias ${names.join(", ")} uses it.`]),
    ...unreadable.map((reason) => [reason]),
  ];
  if (!items.length) return null;
  return h("section", { class: "notice bad attention", "aria-labelledby": "attention-title" },
    h("h2", { id: "attention-title" }, "Needs attention"), h("ul", { class: "plain-list" }, items.map((item) => h("li", {}, item))));
}

const findingsBadge = (count) => (count ? h("span", { class: "badge warn" }, plural(count, "finding")) : h("span", { class: "badge good" }, "No findings"));

function unreadableCard(name, row, users) {
  return h("li", {}, h("div", { class: "panel card" },
    h("strong", {}, name),
    h("span", { class: "soft small" }, `version ${row.version}, ${row.type}`),
    users.length ? h("span", { class: "soft small" }, `Used by ${users.join(", ")}`) : null,
    h("span", { class: "badges" }, h("span", { class: "badge bad" }, "Can’t be read"))));
}

function siteCard(row) {
  if (row.error) return unreadableCard(row.site, row, row.aliases);
  const rejected = row.mode === "rejected";
  return h("li", {}, h("a", { class: "panel card", href: link(row.site) },
    h("strong", {}, row.site),
    h("span", { class: "soft small" }, rejected ? "Running functions keep the last good policy." : `${plural(row.rules, "rule")}, ${plural(row.entries, "entry")}`),
    row.aliases.length ? h("span", { class: "soft small" }, `Used by ${row.aliases.join(", ")}`) : null,
    h("span", { class: "badges" },
      rejected ? h("span", { class: "badge bad" }, "Rejected") : null,
      row.mode === "shadow" ? h("span", { class: "badge accent" }, "Shadow mode") : null,
      rejected ? null : findingsBadge(row.findings))));
}

function listCard(row) {
  if (row.error) return unreadableCard(row.list, row, row.used_by);
  return h("li", {}, h("a", { class: "panel card", href: link(row.list) },
    h("strong", {}, row.list),
    h("span", { class: "soft small" }, plural(row.entries, "entry")),
    h("span", { class: "soft small" }, row.used_by.length ? `Used by ${row.used_by.join(", ")}` : "No site uses it"),
    h("span", { class: "badges" }, findingsBadge(row.findings))));
}

function creation(done, open) {
  const name = h("input", { class: "mono", required: true, autocomplete: "off", autocapitalize: "off", spellcheck: "false", placeholder: "shop or @partners" });
  const origins = h("textarea", { rows: "3", required: true, spellcheck: "false", placeholder: "https://app.example.com" });
  const submit = (event) => {
    event.preventDefault();
    review({ kind: "allow", target: name.value.trim(), origins: origins.value }, done);
  };
  return h("details", { class: "panel add", open }, h("summary", {}, "New site or list"),
    h("form", { class: "stack tight", onsubmit: submit },
      field("Name", name, "A site’s name, or @ and the name of a list."),
      field("Origins that may read", origins, "One a line. Pasted URLs are fine."),
      h("div", { class: "actions" }, h("button", {}, "Review"))));
}
