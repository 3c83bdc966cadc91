// Draws the route of a request: the stages it could pass, how far it got, and where the decision was made.
"use strict";

const CLOUDFRONT_PLACES = [
  { name: "browser" },
  { name: "function", under: "viewer", steps: ["viewer-request", "viewer-response"] },
  { name: "cache", steps: ["hit", "miss", "collapsed"] },
  { name: "function", under: "origin", steps: ["origin-request", "origin-response"] },
  { name: "upstream", steps: ["origin"] },
];
const GATEWAY_PLACES = [{ name: "browser" }, { name: "function", steps: ["handler"] }, { name: "upstream", steps: ["origin"] }];
const WIDTH = 340;
const BOX = { width: 58, height: 24, y: 20 };

function svg(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// A gateway's function asks the upstream itself, so that is not among the steps: it does, unless it answers a preflight.
function stepsOf(exchange) {
  const { steps, preflight, managed } = exchange;
  return steps.includes("handler") && !(preflight && managed) ? [...steps, "origin"] : steps;
}

function wayOf(exchange) {
  const steps = stepsOf(exchange);
  const places = exchange.steps.includes("handler") ? GATEWAY_PLACES : CLOUDFRONT_PLACES;
  const passed = places.map((place) => !place.steps || place.steps.some((step) => steps.includes(step)));
  // The last trigger decides; where none ran, the copy in the cache has the headers of an earlier decision.
  const last = exchange.steps.at(-1);
  const decided = places.findIndex((place) => place.steps?.includes(last));
  return { places, passed, furthest: passed.lastIndexOf(true), decided };
}

function drawWay(exchange) {
  const { places, passed, furthest, decided } = wayOf(exchange);
  const gap = (WIDTH - places.length * BOX.width) / (places.length - 1);
  const left = (index) => index * (BOX.width + gap);
  const middle = (index) => left(index) + BOX.width / 2;
  const allowed = exchange.reason === "allowed" && !exchange.differs ? "allowed" : "refused";
  const label = exchange.differs ? `the policy: ${exchange.reason}; the response differs` : exchange.reason;
  const reached = places[furthest].name;
  const words = `The request got as far as the ${reached}; the decision: ${label}.`;
  const drawing = svg("svg", { class: "way", viewBox: `0 0 ${WIDTH} 78`, role: "img", "aria-label": words });
  places.forEach((place, index) => {
    const state = passed[index] ? "passed" : index < furthest ? "unused" : "unreached";
    drawing.append(
      svg("rect", { class: `place ${state}${index === decided ? ` ${allowed}` : ""}`, x: left(index), y: BOX.y, width: BOX.width, height: BOX.height, rx: 5 }),
      svg("text", { class: `name ${state}`, x: middle(index), y: BOX.y + 15.5 }, place.name));
    if (place.under) drawing.append(svg("text", { class: "under", x: middle(index), y: 12 }, place.under));
    if (index < places.length - 1) {
      const [from, to] = [left(index) + BOX.width, left(index + 1)];
      const line = index < furthest ? "passed" : "unreached";
      drawing.append(svg("path", { class: `line ${line}`, d: `M${from} ${BOX.y + 8}H${to}m-3 -2.5l3 2.5l-3 2.5` }));
      if (line === "passed") drawing.append(svg("path", { class: "line passed", d: `M${to} ${BOX.y + 16}H${from}m3 -2.5l-3 2.5l3 2.5` }));
    }
  });
  if (decided >= 0) {
    const half = label.length * 2.9;
    const x = Math.min(Math.max(middle(decided), half), WIDTH - half);
    drawing.append(
      svg("path", { class: `pointer ${allowed}`, d: `M${middle(decided)} ${BOX.y + BOX.height}v8` }),
      svg("text", { class: `reason ${allowed}`, x, y: BOX.y + BOX.height + 19 }, label));
  }
  return drawing;
}
