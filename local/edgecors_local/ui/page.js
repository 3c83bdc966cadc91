// `edgecors ui`: which view the address names, its loading, and its errors.

import { errorNotice, h, scope, skeleton } from "./dom.js";
import { read, takeToken } from "./api.js";
import { navigation, overview } from "./overview.js";
import { targetView } from "./target.js";

const TABS = ["access", "findings", "history", "explain", "text"];
const byId = (id) => document.getElementById(id);
const main = byId("main");
let all = null;
let shows = 0;
let message = 0;

function route() {
  const [, kind, name, tab] = location.hash.split("/");
  if (!["site", "list"].includes(kind) || !name) return { target: "", tab: "" };
  const target = (kind === "list" ? "@" : "") + decodeURIComponent(name);
  const known = TABS.includes(tab) && (tab !== "explain" || kind === "site");
  return { target, tab: known ? tab : "access" };
}

/** Reads and shows what the address names. `fresh`: read the overview again as well. */
async function show({ fresh = false, focus = true } = {}) {
  const number = (shows += 1);
  const { target, tab } = route();
  const scroll = scrollY;
  const same = main.dataset.target === target;
  const loading = setTimeout(() => main.replaceChildren(skeleton(8)), same ? 400 : 0);
  let view;
  try {
    if (!all || fresh) all = await readOverview();
    view = target ? await targetView(target, tab, written) : overview(all, written);
  } catch (error) {
    view = [error.status === 401 ? noToken() : errorNotice(error, () => show({ fresh: true }), target ? h("a", { href: "#/" }, "All sites and lists") : null)];
  }
  clearTimeout(loading);
  if (number !== shows) return;
  main.replaceChildren(...view.filter(Boolean));
  main.dataset.target = target;
  document.title = target ? `${target} - edgecors` : "edgecors";
  if (all) {
    byId("nav").replaceChildren(...navigation(all, target));
    byId("scope").textContent = scope(all);
  }
  scrollTo(0, same && tab === main.dataset.tab ? scroll : 0);
  main.dataset.tab = tab;
  // What had the focus is gone with the old view.
  if (focus && document.activeElement === document.body) {
    const tab = same ? main.querySelector(".tabs [aria-current]") : null;
    (tab ?? main.querySelector("h1") ?? main).focus({ preventScroll: true });
  }
}

/** Whoever may not list the sites may be allowed to read and change one parameter. */
async function readOverview() {
  try {
    return await read("overview");
  } catch (error) {
    if (error.status !== 403) throw error;
    return { ...(await read("scope")), refused: error.message, sites: [], lists: [] };
  }
}

function noToken() {
  return h("div", { class: "panel stack tight", role: "alert" }, h("h1", { tabindex: "-1" }, "This address has no valid token"),
    h("p", {}, "Open the whole address that ", h("code", {}, "edgecors ui"), " printed in the terminal. Each start has its own."));
}

function say(text) {
  byId("status").textContent = text;
  clearTimeout(message);
  message = setTimeout(() => { byId("status").textContent = ""; }, 8000);
}

function written(text, gone) {
  say(text);
  all = null;
  if (gone) location.hash = "#/";
  show();
}

byId("reload").addEventListener("click", () => show({ fresh: true, focus: false }));
byId("skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
addEventListener("hashchange", () => {
  takeToken();
  byId("review").close();
  show();
});

takeToken();
show({ focus: false });
