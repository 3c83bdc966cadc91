// The playground: has frames on each origin send the requests, asks its own server what the edge saw, and shows both.
"use strict";

const AT_ONCE = 4;
const CORS = /^(origin|access-control-.*|vary|cookie|set-cookie|authorization|x-cache|age|timing-allow-origin|cross-origin-resource-policy)$/i;
const NAMES = { app: "app.localhost", evil: "evil.localhost", null: "null" };

const frames = {};
const waiting = new Map();
let setup;
let cases;
let runs = 0;

// -- elements ------------------------------------------------------------------------------------------------------

function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

const byId = (id) => document.getElementById(id);

// -- frames --------------------------------------------------------------------------------------------------------

function openFrame(side) {
  const frame = make("iframe", { title: `requests from ${NAMES[side]}`, src: `${setup[side === "evil" ? "evil" : "app"]}/runner.html` });
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
  const query = new URLSearchParams({ id, origin: frames[side].origin, credentials: request.credentials ? "include" : "omit" });
  const seen = await (await fetch(`/trial?${query}`)).json();
  return { outcome, seen, agrees: seen.expected === outcome.allowed };
}

// -- showing a result ----------------------------------------------------------------------------------------------

function decided({ exchanges, expected, why }) {
  if (!exchanges.length) return "the edge saw no request";
  // A browser stops at the first refusal; otherwise the last exchange is the one that counts.
  const telling = exchanges.find(({ reason }) => reason !== "allowed") ?? exchanges[exchanges.length - 1];
  const { reason, entry, preflight } = telling;
  const entryText = reason === "allowed" && entry ? ` by ${entry}` : "";
  const preflightText = preflight && reason !== "allowed" ? " (preflight)" : "";
  const hit = telling.steps.includes("hit") ? ", answered from the cache" : "";
  // Allowed, and the page still gets nothing: a browser wants more for a request with credentials.
  const but = reason === "allowed" && expected === false ? `, but ${why}` : "";
  return `${reason}${entryText}${preflightText}${hit}${but}`;
}

function headerList(title, headers) {
  const item = ([name, value]) => make("li", CORS.test(name) ? { class: "cors" } : {}, `${name}: ${value}`);
  const telling = headers.filter(([name]) => CORS.test(name)).map(item);
  const others = headers.filter(([name]) => !CORS.test(name)).map(item);
  return [
    make("h4", {}, title),
    make("ul", {}, ...telling),
    others.length ? make("details", {}, make("summary", {}, `${others.length} other headers`), make("ul", {}, ...others)) : "",
  ];
}

function wire(exchange) {
  const { method, target, status, steps, reason, entry, troubles } = exchange;
  return make("div", { class: "wire" },
    make("h3", { class: "mono" }, `${method} ${target.replace(/[?&]trial=[^&]*/, "")}`),
    make("p", {}, `${status}, by way of ${steps.join(" › ") || "no trigger"}. edgecors: ${reason}${entry ? ` (${entry})` : ""}.`),
    ...troubles.map((trouble) => make("p", {}, trouble)),
    ...headerList("The browser sent", exchange.sent),
    ...headerList("The edge answered", exchange.answered));
}

function readable({ outcome, seen }) {
  const box = make("div", { class: "wire" }, make("h3", {}, "What the page got"));
  if (!outcome.allowed) {
    box.append(make("p", {}, `Nothing: ${outcome.error}. ${seen.why ? `Why: ${seen.why}.` : ""}`));
    return box;
  }
  if (outcome.status) box.append(make("p", {}, `Status ${outcome.status}`));
  if (outcome.headers.length) box.append(...headerList("Headers that it can read", outcome.headers));
  if (outcome.body) box.append(make("h4", {}, "Body"), make("pre", { tabindex: "0" }, outcome.body));
  return box;
}

function shown(side, result, reads) {
  const { outcome, seen, agrees } = result;
  const can = outcome.allowed ? "✓ allowed" : "✕ blocked";
  const status = outcome.status && outcome.status !== 200 ? ` ${outcome.status}` : "";
  const read = reads && outcome.allowed && outcome.headers.find(([name]) => name === reads);
  return make("details", { "data-side": side, "data-allowed": outcome.allowed, "data-agrees": agrees },
    make("summary", {},
      make("span", { class: "from" }, NAMES[side]),
      make("span", { class: `verdict ${outcome.allowed ? "allowed" : "blocked"}` }, can + status), " ",
      make("span", { class: agrees ? "agrees" : "agrees differs" }, agrees ? "agrees" : "differs"),
      make("span", { class: "decided" }, decided(seen), read ? `; ${read[0]}: ${read[1]}` : ""),
      agrees ? null : make("span", { class: "decided" }, `expected: ${seen.expected ? "allowed" : "blocked"}${seen.why ? ` (${seen.why})` : ""}`)),
    ...seen.exchanges.map(wire),
    readable(result));
}

// -- the table -----------------------------------------------------------------------------------------------------

function addRow(asked) {
  const line = `${asked.method ?? "GET"} ${asked.path.replace(/\?.*/, "")}`;
  const sides = asked.from ?? ["app", "evil"];
  const row = make("tr", { role: "row", id: `case-${asked.id}` },
    make("th", { role: "rowheader", scope: "row" }, asked.title, make("code", {}, line)));
  if (sides.includes("null")) {
    row.append(make("td", { role: "cell", "data-side": "null", colspan: "2" }));
  } else {
    row.append(make("td", { role: "cell", "data-side": "app" }), make("td", { role: "cell", "data-side": "evil" }));
  }
  byId("cases").append(row);
}

async function runCase(asked, run, tell) {
  for (const side of asked.from ?? ["app", "evil"]) {
    const id = `${run}-${asked.id}${asked.shared ? "" : `-${side}`}`;
    const result = await trial(side, asked, id);
    const cell = document.querySelector(`#case-${asked.id} td[data-side="${side}"]`);
    const open = cell.querySelector("details")?.open ?? false;
    cell.replaceChildren(shown(side, result, asked.reads));
    cell.firstChild.open = open;
    tell(result.agrees);
  }
}

async function runAll() {
  const button = byId("again");
  const summary = byId("summary");
  button.disabled = true;
  document.body.dataset.state = "running";
  const total = cases.reduce((sum, { from }) => sum + (from ?? ["app", "evil"]).length, 0);
  const run = `${Date.now().toString(36)}${(runs += 1)}`;
  let done = 0;
  let agreed = 0;
  summary.className = "";
  summary.textContent = `Running ${total} requests …`;
  const rest = [...cases];
  const worker = async () => {
    for (let next = rest.shift(); next; next = rest.shift()) {
      await runCase(next, run, (agrees) => { done += 1; agreed += agrees ? 1 : 0; });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  summary.textContent = `${agreed} of ${done} agree`;
  summary.className = agreed === done ? "good" : "bad";
  button.disabled = false;
  document.body.dataset.state = "done";
}

// -- the form ------------------------------------------------------------------------------------------------------

function readHeaders(text) {
  const found = {};
  for (const line of text.split("\n").filter((item) => item.trim())) {
    const colon = line.indexOf(":");
    if (colon < 1) throw new Error(`“${line}” is no header: write Name: value.`);
    found[line.slice(0, colon).trim()] = line.slice(colon + 1).trim();
  }
  return found;
}

async function tryOne(event) {
  event.preventDefault();
  const given = new FormData(event.target);
  const box = byId("tried");
  try {
    const asked = {
      method: given.get("method").trim(),
      path: given.get("path").trim(),
      headers: readHeaders(given.get("headers")),
      body: given.get("body") || null,
      credentials: given.get("credentials") !== null,
    };
    const result = shown(given.get("side"), await trial(given.get("side"), asked, `try-${crypto.randomUUID()}`));
    result.open = true;
    box.replaceChildren(result);
  } catch (error) {
    box.replaceChildren(make("p", {}, error.message));
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
  for (const id of ["edge", "front", "parameter", "app", "evil"]) byId(id).textContent = setup[id];
  byId("not-demo").hidden = setup.demo;
  cases.forEach(addRow);
  await Promise.all(["app", "evil", "null"].map(openFrame));
  byId("again").addEventListener("click", runAll);
  byId("form").addEventListener("submit", tryOne);
  await runAll();
}

start();
