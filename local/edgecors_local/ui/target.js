// One site or list: who may read what, its findings, history, an explanation of a request, and its text.

import { access, counted, errorNotice, field, findings, h, plural, sentence, skeleton, textDifference, time } from "./dom.js";
import { read } from "./api.js";
import { review } from "./change.js";

const SHOWN = 100;
const TABS = { access: "Access", findings: "Findings", history: "History", explain: "Explain", text: "Text" };

export async function targetView(target, tab, done) {
  const isList = target.startsWith("@");
  const data = await read("details", { target });
  const name = isList ? data.list : data.site;
  const tabs = Object.entries(TABS).filter(([key]) => key !== "explain" || !isList);
  const base = isList ? `#/list/${encodeURIComponent(target.slice(1))}` : `#/site/${encodeURIComponent(target)}`;
  const views = { access: isList ? listAccess : siteAccess, findings: findingsView, history: historyView, explain: explainView, text: textView };
  return [
    heading(name, data, isList),
    h("nav", { class: "tabs", "aria-label": `Parts of ${name}` }, tabs.map(([key, title]) =>
      h("a", { href: `${base}/${key}`, "aria-current": key === tab ? "page" : null }, isList && key === "access" ? "Entries" : title,
        key === "findings" && counted(data.findings) ? h("span", { class: `badge ${data.rejected ? "bad" : "warn"}` }, String(counted(data.findings))) : null))),
    await views[tab](name, data, done),
  ];
}

function heading(name, data, isList) {
  return h("div", {}, h("a", { class: "back", href: "#/" }, "‹ Sites and lists"),
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, name),
      data.rejected ? h("span", { class: "badge bad" }, "Rejected") : null,
      data.mode === "shadow" ? h("span", { class: "badge accent" }, "Shadow mode") : null,
      data.type === "SecureString" ? h("span", { class: "badge" }, "Secure string") : null),
    h("p", { class: "meta" },
      h("code", {}, data.parameter), h("span", {}, `version ${data.version}`), h("span", {}, "changed ", time(data.modified)),
      h("span", {}, `${data.bytes.toLocaleString("en")} bytes${data.packed ? ", packed" : ""}`),
      isList && data.used_by ? h("span", {}, data.used_by.length ? "used by " : "no site uses it",
        data.used_by.map((site, number) => [number ? ", " : "", h("a", { href: `#/site/${encodeURIComponent(site)}` }, site)]),
        Object.keys(data.unreadable).length ? `; not known of ${Object.keys(data.unreadable).join(", ")}, which can’t be read` : null) : null,
      data.alias ? h("span", {}, `${data.alias} uses this policy`) : null));
}

// -- access ----------------------------------------------------------------------------------------------------------

function siteAccess(name, data, done) {
  if (data.rejected) {
    return h("div", { class: "stack" },
      h("p", { class: "notice bad" }, h("strong", {}, "The policy is rejected."), " Running functions keep the last good version; new ones allow nobody. Fix the text, or restore an older version from the history."),
      h("section", { class: "panel" }, findings(data.findings.filter(({ severity }) => severity === "error"))));
  }
  const count = data.rule_list.length;
  return h("div", { class: "stack" }, data.rule_list.map((rule) => ruleCard(name, rule, count, done)));
}

function ruleCard(name, rule, count, done) {
  const hosts = rule.hosts.join(" ") === "*" ? "" : ` on ${rule.hosts.join(", ")}`;
  const several = rule.grants.length > 1;
  const facts = described(rule, RULE_FACTS).map(([title, text]) => (title ? `${title}: ${text}` : text));
  return h("section", { class: "panel rule" },
    h("header", {}, h("h2", {}, rule.paths.join("  ") + hosts), count > 1 ? h("small", {}, `rule ${rule.rule}`) : null),
    facts.length ? h("p", { class: "soft small" }, sentence(facts.join("; "))) : null,
    rule.grants.map((grant) => grantPart(name, rule, grant, several, done)));
}

const listed = (values) => (values === "*" ? "all" : values.length ? values.join(", ") : "none");

// The words for a field: a title, and a text of its value, which is null for a value that is not worth a word. A field that is not here is shown with its name.
const RULE_FACTS = {
  rule: null, hosts: null, paths: null, grants: null, // in the heading, and below it
  on_refused: ["", (action) => (action === "block" ? "refused requests are answered with 403" : null)],
  resource_policy: ["", (policy) => (policy ? `Cross-Origin-Resource-Policy: ${policy}` : null)],
  debug: ["", (on) => (on ? "debug is on: refused preflights name the reason in their body" : null)],
  tolerate: ["", (codes) => (codes.length ? `tolerates ${codes.join(", ")}` : null)],
};
const GRANT_FACTS = {
  grant: null, allow_origins: null, missing_lists: null, // above the facts
  allow_methods: ["Methods", listed],
  allow_headers: ["Request headers", listed],
  expose_headers: ["Exposed headers", listed],
  allow_credentials: ["Cookies", (on) => (on ? "allowed" : "not allowed")],
  max_age: ["Preflight cached for", (seconds) => `${seconds} s`],
  allow_private_network: ["Private network", (on) => (on ? "allowed" : null)],
  timing_allow_origin: ["Timing", (on) => (on ? "readable" : null)],
};

/** Title and text of each field of a rule or grant that has something to say, in the order of the server's field table. */
function described(values, words) {
  return Object.entries(values).filter(([name]) => words[name] !== null).map(([name, value]) => {
    const [title, text] = words[name] ?? [name, (other) => (other === true ? "on" : (other && String(other)) || null)];
    return [title, text(value)];
  }).filter(([, text]) => text !== null);
}

function grantPart(name, rule, grant, several, done) {
  const open = grant.allow_origins === "*";
  const where = { rule: rule.rule, grant: several ? grant.grant : null };
  const fact = (title, text) => h("div", {}, h("dt", {}, title), h("dd", {}, text));
  return h("div", { class: "grant" },
    h("h3", {}, several ? `Grant ${grant.grant}: who may read` : "Who may read"),
    open ? h("p", { class: "notice warn" }, h("strong", {}, "Every site may read this."))
      : readers(grant.allow_origins, grant.missing_lists, (entry) => () => review({ kind: "revoke", target: name, origins: entry, ...where }, done)),
    open ? null : allowForm(name, done, where),
    h("dl", { class: "facts" },
      described(grant, GRANT_FACTS).map(([title, text]) => fact(title, text))));
}

/** The entries of the policy itself, then those of each list it names, then the lists that do not exist. */
function readers(entries, missing, revoke) {
  const lists = Map.groupBy(entries, ({ location }) => /^@([^[]+)/.exec(location)?.[1] ?? "");
  const own = lists.get("") ?? [];
  lists.delete("");
  return h("div", { class: "stack tight" },
    own.length || !(lists.size || missing.length) ? entryList("Origins of the policy", own, revoke) : null,
    [...lists].map(([list, items]) => h("details", { class: "shared" },
      h("summary", {}, h("strong", {}, `@${list}`), ` ${plural(items.length, "entry")}`),
      h("p", {}, h("a", { href: `#/list/${encodeURIComponent(list)}` }, `Change @${list}`)),
      entryList(`@${list}`, items, null))),
    missing.length ? h("ul", { class: "entries" }, missing.map((list) => row({ entry: list, problem: "does not exist" }, revoke))) : null);
}

function listAccess(name, data, done) {
  return h("section", { class: "panel" },
    h("h2", {}, plural(data.entries.length, "entry")),
    entryList("Entries", data.entries, (entry) => () => review({ kind: "revoke", target: name, origins: entry }, done)),
    allowForm(name, done, {}));
}

function entryList(title, entries, revoke) {
  const box = h("ul", { class: "entries" });
  const more = h("button", { type: "button", class: "quiet", onclick: () => fill(Infinity) });
  const filter = h("input", { type: "search", class: "mono", "aria-label": `Filter: ${title}`, placeholder: "Filter", oninput: () => fill(SHOWN) });
  const status = h("p", { class: "soft small", role: "status" });

  function fill(limit) {
    const words = filter.value.trim().toLowerCase();
    const matches = entries.filter(({ entry }) => entry.toLowerCase().includes(words));
    box.replaceChildren(...matches.slice(0, limit).map((entry) => row(entry, revoke)));
    more.hidden = matches.length <= limit;
    more.textContent = `Show all ${matches.length.toLocaleString("en")}`;
    status.textContent = words ? plural(matches.length, "match").replace("matchs", "matches") : "";
  }

  fill(SHOWN);
  return h("div", { class: "entry-list" },
    entries.length > 12 ? [h("div", { class: "field" }, filter), status] : null,
    entries.length ? box : h("p", { class: "soft" }, "Nobody."), more);
}

function row({ entry, readable, problem = readable === false ? "can’t be read" : null }, revoke) {
  return h("li", {}, h("code", {}, entry),
    problem ? h("span", { class: "badge bad" }, problem) : null,
    revoke ? h("button", { type: "button", class: "quiet", "aria-label": `Remove ${entry}`, onclick: revoke(entry) }, "Remove") : null);
}

function allowForm(name, done, where) {
  const origins = h("textarea", { rows: "3", required: true, spellcheck: "false", autocapitalize: "off", placeholder: "https://app.example.com" });
  const submit = (event) => {
    event.preventDefault();
    review({ kind: "allow", target: name, origins: origins.value, ...where }, done);
  };
  return h("details", { class: "add" }, h("summary", {}, "Allow more origins"),
    h("form", { class: "stack tight", onsubmit: submit },
      field("Origins", origins, name.startsWith("@") ? "One a line. Pasted URLs are fine." : "One a line: origins, patterns such as https://*.example.com, @lists. Pasted URLs are fine."),
      h("div", { class: "actions" }, h("button", {}, "Review"))));
}

// -- findings ----------------------------------------------------------------------------------------------------------

function findingsView(name, data) {
  if (!data.findings.length) return h("p", { class: "empty" }, "No findings: the linter has nothing to report.");
  return h("section", { class: "panel" }, findings(data.findings));
}

// -- history -----------------------------------------------------------------------------------------------------------

async function historyView(name, data, done) {
  const versions = await read("history", { target: name });
  return h("section", { class: "panel" }, h("ol", { class: "plain-list" },
    versions.map((version, number) => versionItem(name, version, number === 0, done))));
}

function versionItem(name, version, newest, done) {
  const change = version.origins_added === null ? null : h("span", {},
    h("span", { class: "plus" }, `+${version.origins_added}`), " ", h("span", { class: "minus" }, `−${version.origins_removed}`), " origins");
  const box = h("div");
  const details = h("details", { ontoggle: () => details.open && !box.childElementCount && load() }, h("summary", {}, "What changed"), box);

  async function load() {
    box.replaceChildren(skeleton(2));
    try {
      const { access: difference, text } = await read("difference", { target: name, version: version.version });
      const changes = difference && (difference.gained.length || difference.lost.length || difference.changed.length);
      box.replaceChildren(h("div", { class: "stack tight" },
        changes ? access(difference) : null,
        text.length ? textDifference(text) : h("p", { class: "soft" }, "The text did not change.")));
    } catch (error) {
      box.replaceChildren(errorNotice(error, load));
    }
  }

  return h("li", { class: "version" },
    h("header", {}, h("strong", {}, `Version ${version.version}`), time(version.modified),
      h("span", { class: "soft" }, version.user.split(":").pop() || "unknown"), change,
      version.labels.map((label) => h("span", { class: "badge" }, label)),
      version.errors ? h("span", { class: "badge bad" }, "Rejected") : null,
      newest ? h("span", { class: "badge good" }, "Current")
        : h("button", { type: "button", class: "plain", "aria-label": `Restore: write version ${version.version} again`, onclick: () => review({ kind: "rollback", target: name, version: version.version }, done) }, "Restore")),
    version.origins_added === null ? h("p", { class: "soft small" }, "Parameter Store no longer has the version before it.") : details);
}

// -- explain -----------------------------------------------------------------------------------------------------------

const lastAsked = new Map();

function explainView(name, data, done) {
  const input = (attributes) => h("input", { class: "mono", autocomplete: "off", autocapitalize: "off", spellcheck: "false", ...attributes });
  const result = h("div", { class: "stack result", "aria-live": "polite" });
  const methods = h("select", { name: "method" }, ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].map((method) => h("option", {}, method)));
  const example = data.rule_list[0]?.paths[0]?.replaceAll("*", "") || "/";

  async function explain() {
    const query = Object.fromEntries(new FormData(form));
    lastAsked.set(name, query);
    result.replaceChildren(skeleton(4));
    try {
      result.replaceChildren(...explanation(name, data, await read("explain", { target: name, ...query }), done).filter(Boolean));
    } catch (error) {
      result.replaceChildren(errorNotice(error));
    }
    // On a phone the form fills the screen.
    result.scrollIntoView({ block: "nearest" });
  }

  const form = h("form", { class: "panel asked", onsubmit: (event) => { event.preventDefault(); explain(); } },
    field("Origin of the page", input({ name: "origin", required: true, placeholder: "https://app.example.com" })),
    field("Method", methods),
    field("Path or URL", input({ name: "path", value: example })),
    field("Host", input({ name: "host", placeholder: "any" })),
    field("Headers the page sets", input({ name: "headers", placeholder: "content-type: application/json, x-demo" }), "Names, or name: value, with commas between.", "field wide"),
    h("div", { class: "actions wide" }, h("button", {}, "Explain")));
  const last = lastAsked.get(name);
  if (last) {
    // A change was written from here: what does the same request get now?
    for (const [key, text] of Object.entries(last)) form.elements.namedItem(key).value = text;
    explain();
  }
  return h("div", { class: "stack" }, form, result);
}

function explanation(name, site, data, done) {
  const { verdict, asked } = data;
  const [without, with_] = [verdict.without_credentials, verdict.with_credentials];
  const alike = without.ok === with_.ok && without.why === with_.why;
  const rule = data.request.reason === "origin-not-allowed" ? site.rule_list[data.request.rule] : null;
  return [
    ...data.notes.map((note) => h("p", { class: "notice" }, sentence(note))),
    data.rejected.length ? h("p", { class: "notice bad" }, "The policy is rejected. The last good version stays in use; this page can't tell which one.") : null,
    alike ? verdictPanel("With or without cookies", without, data.upstream_decides)
      : h("div", { class: "verdicts" }, verdictPanel("Without cookies", without), verdictPanel("With cookies", with_)),
    data.near_misses.length ? h("section", { class: "panel stack tight" }, h("h2", {}, "Nearly allowed"),
      h("ul", { class: "plain-list stack tight" }, data.near_misses.map(({ entry, location, why }) =>
        h("li", {}, h("code", {}, entry), h("small", { class: "soft" }, ` ${location}`), h("p", {}, sentence(why)))))) : null,
    rule ? h("div", { class: "actions" }, rule.grants.map(({ grant }) =>
      h("button", { type: "button", class: "plain", onclick: () => review({ kind: "allow", target: name, origins: asked.origin, rule: rule.rule, grant }, done) },
        `Allow ${asked.origin} for ${rule.paths.join(" ")}${rule.grants.length > 1 ? `, grant ${grant}` : ""}`))) : null,
    data.preflight ? answerPanel("Preflight", data.preflight) : null,
    answerPanel(`${asked.method} ${asked.host ?? ""}${asked.path}`, data.request),
  ];
}

function verdictPanel(title, { ok, why }, upstreamDecides = false) {
  const [kind, text] = upstreamDecides ? ["", "The upstream decides"] : ok ? ["good", "The page may read it"] : ["bad", "The browser refuses"];
  return h("div", { class: `notice verdict ${kind}` }, h("small", {}, title), h("strong", {}, text), h("p", { class: "small" }, sentence(why)));
}

function answerPanel(title, answer) {
  const where = answer.rule === null ? null : `Rule ${answer.rule}${answer.grant ? `, grant ${answer.grant}` : ""}${answer.entry ? `, by ${answer.entry} (${answer.entry_location})` : ""}.`;
  return h("section", { class: "panel stack tight" },
    h("div", { class: "head" }, h("h2", {}, title), h("span", { class: `badge ${answer.reason === "allowed" ? "good" : "warn"}` }, answer.reason)),
    h("p", {}, sentence(answer.fault || answer.meaning)),
    where ? h("p", { class: "soft small" }, where) : null,
    h("p", { class: "soft small" }, sentence(answer.outcome)),
    answer.headers.length ? h("div", { class: "headers" }, answer.headers.map(([key, value]) => h("div", {}, `${key}: ${value}`))) : null);
}

// -- text ----------------------------------------------------------------------------------------------------------

function textView(name, data, done) {
  const isList = name.startsWith("@");
  const area = h("textarea", { class: "policy-text", rows: "22", spellcheck: "false", autocapitalize: "off" });
  area.value = data.text;
  const submit = (event) => {
    event.preventDefault();
    review({ kind: "replace", target: name, text: area.value }, done);
  };
  return h("div", { class: "stack" },
    h("form", { class: "panel stack tight", onsubmit: submit },
      field(isList ? "Entries" : "Policy", area, isList ? "One entry a line. # starts a comment, which is not stored." : "JSON, YAML, or a plain list with one origin a line."),
      h("div", { class: "actions" }, h("button", {}, "Review"), h("button", { type: "button", class: "plain", onclick: () => { area.value = data.text; } }, "Undo all edits"))),
    h("section", { class: "panel danger-zone stack tight" },
      h("h2", {}, `Delete ${name}`),
      h("p", { class: "soft" }, "Deletes the parameter with its history. You see first who loses access."),
      h("div", { class: "actions" }, h("button", { type: "button", class: "danger", onclick: () => review({ kind: "delete", target: name }, done) }, "Delete …"))));
}
