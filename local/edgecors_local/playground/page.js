// The playground: has frames on each origin send the requests, asks its own server what the edge saw, and shows both.
"use strict";

const AT_ONCE = 4;
const CORS = /^(origin|access-control-.*|vary|cookie|set-cookie|authorization|x-cache|age|timing-allow-origin|cross-origin-resource-policy)$/i;
// Headers that a browser or the connection adds; a copied command leaves them to curl.
const NOT_COPIED = /^(host|connection|content-length|accept.*|user-agent|referer|cache-control|pragma|priority|dnt|sec-.*)$/i;
const NAMES = { app: "app.localhost", evil: "evil.localhost", null: "null" };
const BOTH = ["app", "evil"];

const frames = {};
const waiting = new Map();
let setup;
let cases;
let runs = 0;

// -- elements ------------------------------------------------------------------------------------------------------

function create(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

const byId = (id) => document.getElementById(id);

// A button that copies a text; where the browser does not let it, the text is shown.
function copyButton(label, text) {
  const button = create("button", { type: "button", class: "quiet copy", "data-text": text }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = label; }, 1500);
    } catch {
      button.replaceWith(create("pre", { tabindex: "0" }, text));
    }
  });
  return button;
}

// -- frames --------------------------------------------------------------------------------------------------------

function openFrame(side) {
  const frame = create("iframe", { title: `requests from ${NAMES[side]}`, src: `${setup[side === "evil" ? "evil" : "app"]}/runner.html` });
  if (side === "null") frame.setAttribute("sandbox", "allow-scripts");
  frames[side] = { frame, origin: side === "null" ? "null" : setup[side] };
  const ready = new Promise((resolve) => { frames[side].ready = resolve; });
  byId("frames").append(frame);
  return ready;
}

addEventListener("message", ({ source, data }) => {
  const side = Object.values(frames).find(({ frame }) => frame.contentWindow === source);
  if (!side) return;
  if (data.ready) side.ready();
  else if (waiting.has(data.key)) {
    waiting.get(data.key)(data.outcome);
    waiting.delete(data.key);
  }
});

function send(side, request) {
  const key = crypto.randomUUID();
  const answered = new Promise((resolve) => waiting.set(key, resolve));
  // A sandboxed frame has no origin that could be named; what it gets is no secret.
  frames[side].frame.contentWindow.postMessage({ key, request }, side === "null" ? "*" : setup[side]);
  return answered;
}

// -- trials --------------------------------------------------------------------------------------------------------

async function trial(side, asked, id) {
  const path = asked.path.replaceAll("{trial}", id);
  const request = {
    kind: asked.kind ?? "fetch",
    method: asked.method ?? "GET",
    url: `${setup.edge}${path}${path.includes("?") ? "&" : "?"}trial=${id}`,
    headers: asked.headers ?? {},
    body: asked.body ?? null,
    credentials: Boolean(asked.credentials),
  };
  const outcome = await send(side, request);
  if (outcome.unsendable) return { outcome, request, state: "unsendable", seen: { exchanges: [], why: outcome.error, expected: null } };
  const query = new URLSearchParams({ id, origin: frames[side].origin, credentials: request.credentials ? "include" : "omit" });
  const seen = await (await fetch(`/trial?${query}`)).json();
  // Nothing at the edge and nothing in the page: there is no decision that the browser could contradict.
  const state = seen.expected === null && !outcome.allowed ? "unseen" : seen.expected === outcome.allowed ? "agrees" : "differs";
  return { outcome, request, seen, state };
}

// -- showing a result ----------------------------------------------------------------------------------------------

function decidingText({ exchanges, deciding, expected, why }) {
  if (deciding === null || deciding === undefined) return "the edge saw no request";
  const { reason, cause, entry, preflight, steps } = exchanges[deciding];
  const by = reason === "allowed" && entry ? ` by ${entry}` : cause ? `: ${cause}` : "";
  const where = preflight && reason !== "allowed" ? " (preflight)" : "";
  const hit = steps.includes("hit") ? ", answered from the cache" : "";
  // Allowed, and the page still gets nothing: a browser wants more for a request with credentials.
  const but = reason === "allowed" && expected === false ? `, but ${why}` : "";
  return `${reason}${by}${where}${hit}${but}`;
}

function headerList(title, headers) {
  const item = ([name, value]) => create("li", CORS.test(name) ? { class: "cors" } : {}, `${name}: ${value}`);
  const relevant = headers.filter(([name]) => CORS.test(name)).map(item);
  const others = headers.filter(([name]) => !CORS.test(name)).map(item);
  return create("div", {},
    create("h4", {}, title),
    create("ul", {}, ...relevant),
    others.length ? create("details", {}, create("summary", {}, `${others.length} other headers`), create("ul", {}, ...others)) : "");
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const withoutTrial = (target) => target.replace(/([?&])trial=[^&]*&?/, "$1").replace(/[?&]$/, "");

function curlOf({ method, target, sent, preflight }, request) {
  const headers = sent.filter(([name]) => !NOT_COPIED.test(name)).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`);
  const how = method === "HEAD" ? ["-I"] : ["-i", "-X", quoted(method)];
  const body = request.body && !preflight ? ["--data-raw", quoted(request.body)] : [];
  return ["curl", "-s", ...how, quoted(setup.edge + withoutTrial(target)), ...headers, ...body].join(" ");
}

function exchangeBox(exchange, request) {
  const { method, target, status, preflight, reason, cause, entry, troubles } = exchange;
  const detail = cause ? ` (${cause})` : entry ? ` (${entry})` : "";
  return create("div", { class: "wire" },
    create("div", { class: "wire-head" },
      create("h3", {}, preflight ? "Preflight " : "Request ", create("code", {}, `${method} ${withoutTrial(target)}`)),
      copyButton("Copy as curl", curlOf(exchange, request))),
    create("p", {}, `Status ${status}. edgecors: ${reason}${detail}.`),
    drawWay(exchange),
    ...troubles.map((trouble) => create("p", { class: "notice bad" }, trouble)),
    create("div", { class: "sides" },
      headerList("The browser sent", exchange.sent),
      headerList("The edge answered", exchange.answered)));
}

function readableBox({ outcome, seen, state }) {
  const box = create("div", { class: "wire" }, create("h3", {}, "What the page got"));
  if (state === "unsendable") {
    box.append(create("p", {}, `Nothing was sent: ${outcome.error}. Browsers do not let a page send this.`));
  } else if (!outcome.allowed) {
    const why = state === "differs" ? `The policy allows it, but the response says otherwise: ${seen.answered}.` : seen.why ? `The reason: ${seen.why}.` : "";
    box.append(create("p", {}, `Nothing: the page sees only “${outcome.error}”. ${why}`));
  } else {
    if (outcome.status) box.append(create("p", {}, `Status ${outcome.status}`));
    if (outcome.headers.length) {
      const items = outcome.headers.map(([name, value]) => create("li", {}, `${name}: ${value}`));
      box.append(create("h4", {}, "Headers that it can read"), create("ul", {}, ...items));
    }
    if (outcome.body) box.append(create("h4", {}, "Body"), create("pre", { tabindex: "0" }, outcome.body));
  }
  return box;
}

// The line that would admit the origin, where that is what the policy lacks.
function allowBox(side, { seen, state }) {
  const { exchanges, deciding } = seen;
  if (state === "unsendable" || deciding === null || deciding === undefined) return null;
  if (exchanges[deciding].reason !== "origin-not-allowed" || side === "null") return null;
  const line = setup.allow.replace("{origin}", frames[side].origin);
  return create("div", { class: "notice allow" },
    create("p", {}, "To allow this origin (it takes effect once the policy is read again):"),
    create("pre", { tabindex: "0" }, line),
    copyButton("Copy", line));
}

const BADGES = { agrees: ["badge", "agrees"], differs: ["badge bad", "differs"], unsendable: ["badge", "not sent"], unseen: ["badge warn", "not seen"] };

function resultBox(side, result, reads) {
  const { outcome, request, seen, state } = result;
  const sent = state !== "unsendable";
  const verdict = !sent ? "— not sent" : outcome.allowed ? "✓ allowed" : "✕ blocked";
  const status = outcome.status && outcome.status !== 200 ? ` ${outcome.status}` : "";
  const read = reads && outcome.allowed && outcome.headers.find(([name]) => name === reads);
  const [badge, word] = BADGES[state];
  return create("details", { "data-side": side, "data-allowed": outcome.allowed, "data-state": state },
    create("summary", {},
      create("span", { class: "from" }, NAMES[side]),
      create("span", { class: `badge ${outcome.allowed ? "good" : ""}` }, verdict + status), " ",
      sent ? create("span", { class: state === "agrees" ? "agrees" : badge }, word) : null,
      create("span", { class: "decided" }, sent ? decidingText(seen) : outcome.error, read ? `; ${read[0]}: ${read[1]}` : ""),
      state === "differs" ? create("span", { class: "decided expected" }, `expected: ${seen.expected ? "allowed" : "blocked"}; the response: ${seen.answered}`) : null),
    allowBox(side, result),
    ...seen.exchanges.map((exchange) => exchangeBox(exchange, request)),
    readableBox(result));
}

// -- the table -----------------------------------------------------------------------------------------------------

function addGroup(title) {
  const head = (text, extra = {}) => create("th", { role: "columnheader", scope: "col", ...extra }, text);
  const group = create("details", { class: "group panel" },
    create("summary", {}, create("h3", {}, title), create("span", { class: "tally" })),
    create("table", { role: "table", "aria-label": title },
      create("thead", { role: "rowgroup" },
        create("tr", { role: "row" }, head("Request"), head("From app.localhost"), head("From evil.localhost"))),
      create("tbody", { role: "rowgroup" })));
  byId("cases").append(group);
  return group;
}

function addRow(group, asked) {
  const line = `${asked.method ?? "GET"} ${asked.path.replace(/\?.*/, "")}`;
  const row = create("tr", { role: "row", id: `case-${asked.id}`, tabindex: "-1" },
    create("th", { role: "rowheader", scope: "row" }, asked.title, create("code", {}, line)));
  const sides = asked.from?.includes("null") ? ["null"] : BOTH;
  row.append(...sides.map((side) => create("td", { role: "cell", "data-side": side, ...(side === "null" ? { colspan: "2" } : {}) })));
  group.querySelector("tbody").append(row);
}

function addCases() {
  const groups = new Map();
  for (const asked of cases) {
    if (!groups.has(asked.group)) groups.set(asked.group, addGroup(asked.group));
    addRow(groups.get(asked.group), asked);
  }
}

async function runCase(asked, run, answered) {
  for (const side of asked.from ?? BOTH) {
    const id = `${run}-${asked.id}${asked.shared ? "" : `-${side}`}`;
    const result = await trial(side, asked, id);
    const cell = document.querySelector(`#case-${asked.id} td[data-side="${side}"]`);
    const open = cell.querySelector("details")?.open ?? false;
    cell.replaceChildren(resultBox(side, result, asked.reads));
    cell.firstChild.open = open;
    answered();
  }
}

// Disagreements first: rows within their group, groups with such rows before the other groups. Otherwise as in the list.
function arrange() {
  const order = cases.map(({ id }) => `case-${id}`);
  const differs = (element) => element.querySelector("[data-state=differs]") !== null;
  const first = (row) => [differs(row) ? 0 : 1, order.indexOf(row.id)];
  const compare = (a, b) => a[0] - b[0] || a[1] - b[1];
  const groups = [...document.querySelectorAll("#cases > .group")];
  for (const group of groups) {
    const rows = [...group.querySelectorAll("tbody > tr")];
    for (const row of rows) row.classList.toggle("differs", differs(row));
    rows.sort((a, b) => compare(first(a), first(b)));
    group.querySelector("tbody").append(...rows);
    const total = group.querySelectorAll("td > details").length;
    const agreed = group.querySelectorAll("[data-state=agrees]").length;
    const tally = group.querySelector(".tally");
    tally.textContent = `${agreed} of ${total} agree`;
    tally.className = `tally badge ${agreed === total ? "good" : "bad"}`;
    if (differs(group)) group.open = true;
  }
  const position = (group) => [differs(group) ? 0 : 1, Math.min(...[...group.querySelectorAll("tbody > tr")].map((row) => order.indexOf(row.id)))];
  byId("cases").append(...groups.sort((a, b) => compare(position(a), position(b))));
}

function filter() {
  const only = byId("only").checked;
  for (const row of document.querySelectorAll("#cases tbody > tr")) row.hidden = only && !row.classList.contains("differs");
  for (const group of document.querySelectorAll("#cases > .group")) group.hidden = only && !group.querySelector("tr.differs");
  byId("none").hidden = !only || document.querySelector("#cases tr.differs") !== null;
}

function summarize() {
  const all = document.querySelectorAll("#cases td > details").length;
  const agreed = document.querySelectorAll("#cases td > [data-state=agrees]").length;
  const text = `${agreed} of ${all} agree`;
  const first = document.querySelector("#cases tr.differs");
  const link = first && create("a", { href: `#${first.id}`, class: "badge bad" }, text);
  // The browser moves the focus to the row, which has to be shown for that.
  link?.addEventListener("click", () => { first.closest("details").open = true; });
  byId("summary").replaceChildren(link ?? create("span", { class: `badge ${agreed === all ? "good" : "warn"}` }, text));
}

async function runAll() {
  const progress = byId("progress");
  byId("again").disabled = true;
  document.body.dataset.state = "running";
  progress.max = cases.reduce((sum, { from }) => sum + (from ?? BOTH).length, 0);
  progress.value = 0;
  progress.hidden = false;
  const run = `${Date.now().toString(36)}${(runs += 1)}`;
  const count = () => { byId("summary").textContent = `${progress.value} of ${progress.max} answered`; };
  count();
  const rest = [...cases];
  const worker = async () => {
    for (let next = rest.shift(); next; next = rest.shift()) {
      await runCase(next, run, () => { progress.value += 1; count(); });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  progress.hidden = true;
  arrange();
  filter();
  summarize();
  byId("again").disabled = false;
  document.body.dataset.state = "done";
}

/** Runs all cases, unless the upstream is the user's own: they write there (POST, PUT, DELETE). */
async function runDemonstration() {
  if (setup.demo_upstream) await runAll();
  else document.body.dataset.state = "done";
}

// -- the form ------------------------------------------------------------------------------------------------------

function readHeaders(text) {
  const headers = {};
  for (const line of text.split("\n").filter((item) => item.trim())) {
    const colon = line.indexOf(":");
    if (colon < 1) throw new Error(`“${line}” is not a header. Write Name: value.`);
    headers[line.slice(0, colon).trim()] = line.slice(colon + 1).trim();
  }
  return headers;
}

async function tryOne(event) {
  event.preventDefault();
  const form = new FormData(event.target);
  const box = byId("tried");
  try {
    const asked = {
      method: form.get("method").trim(),
      path: form.get("path").trim(),
      headers: readHeaders(form.get("headers")),
      body: form.get("body") || null,
      credentials: form.get("credentials") !== null,
    };
    const result = resultBox(form.get("side"), await trial(form.get("side"), asked, `try-${crypto.randomUUID()}`));
    result.open = true;
    box.replaceChildren(result);
  } catch (error) {
    box.replaceChildren(create("p", { class: "notice bad" }, error.message));
  }
}

function addPreset(asked) {
  const button = create("button", { type: "button", class: "plain" }, asked.preset.label);
  button.addEventListener("click", () => {
    const headers = Object.entries(asked.headers ?? {}).map(([name, value]) => `${name}: ${value}`);
    byId("side").value = asked.preset.side ?? "app";
    byId("method").value = asked.method ?? "GET";
    byId("path").value = asked.path;
    byId("headers").value = headers.join("\n");
    byId("body").value = asked.body ?? "";
    byId("credentials").checked = Boolean(asked.credentials);
    byId("form").requestSubmit();
  });
  byId("presets").append(button);
}

// -- the front -----------------------------------------------------------------------------------------------------

async function switchFront(event) {
  const select = event.target;
  const error = byId("front-error");
  select.disabled = true;
  const answer = await (await fetch(`/front?${new URLSearchParams({ name: select.value })}`, { method: "POST" })).json();
  select.value = answer.front;
  select.disabled = false;
  error.textContent = answer.error;
  error.hidden = !answer.error;
  if (!answer.error) {
    byId("tried").replaceChildren();
    await runDemonstration();
  }
}

// -- start ---------------------------------------------------------------------------------------------------------

async function start() {
  [setup, cases] = await Promise.all(["/setup", "/cases.json"].map(async (path) => (await fetch(path)).json()));
  // The policy allows one origin of this page's; by whatever name it was opened, it goes on there.
  if (location.origin !== setup.app) {
    location.replace(setup.app);
    return;
  }
  for (const id of ["edge", "parameter", "app", "evil"]) byId(id).textContent = setup[id];
  byId("front").append(...setup.fronts.map((name) => create("option", {}, name)));
  byId("front").value = setup.front;
  byId("demo-policy").hidden = !setup.demo_policy;
  byId("not-demo").hidden = setup.demo_policy;
  byId("all").hidden = byId("presets").hidden = !setup.demo_upstream;
  byId("own-upstream").hidden = setup.demo_upstream;
  addCases();
  cases.filter(({ preset }) => preset).forEach(addPreset);
  await Promise.all(["app", "evil", "null"].map(openFrame));
  byId("again").addEventListener("click", runAll);
  byId("only").addEventListener("change", filter);
  byId("front").addEventListener("change", switchFront);
  byId("form").addEventListener("submit", tryOne);
  await runDemonstration();
}

start();
