// Sends requests from this frame's origin and tells the page that embeds it what the browser let through.
// Who may embed it is said by the Content-Security-Policy (frame-ancestors).
"use strict";

const LONGEST_BODY = 2000;

// What no page can send: a forbidden method, a body with GET, a header that is not one.
class Unsendable extends Error {}

function requestOf(request) {
  try {
    return new Request(request.url, {
      method: request.method,
      headers: request.headers,
      body: request.body ?? undefined,
      credentials: request.credentials ? "include" : "omit",
      // The edge is to be asked each time, not this browser's own cache.
      cache: "no-store",
    });
  } catch (error) {
    throw new Unsendable(error.message.replace(/^Failed to construct 'Request': /, "").replace(/\.$/, ""));
  }
}

async function byFetch(request) {
  const response = await fetch(requestOf(request));
  const body = await response.text();
  return { status: response.status, headers: [...response.headers], body: body.slice(0, LONGEST_BODY) };
}

function byXhr(request) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(request.method, request.url);
    xhr.withCredentials = request.credentials;
    for (const [name, value] of Object.entries(request.headers)) xhr.setRequestHeader(name, value);
    xhr.onload = () => {
      const lines = xhr.getAllResponseHeaders().trim().split("\r\n").filter(Boolean);
      const headers = lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]);
      resolve({ status: xhr.status, headers, body: xhr.responseText.slice(0, LONGEST_BODY) });
    };
    xhr.onerror = () => reject(new Error("XMLHttpRequest: error"));
    xhr.send(request.body);
  });
}

async function byFont(request) {
  await new FontFace("playground", `url("${request.url}")`).load();
  return { headers: [], body: "" };
}

function byImage(request) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.crossOrigin = request.credentials ? "use-credentials" : "anonymous";
    image.onload = () => resolve({ headers: [], body: `${image.naturalWidth} × ${image.naturalHeight} pixels` });
    image.onerror = () => reject(new Error("image: error"));
    image.src = request.url;
  });
}

const WAYS = { fetch: byFetch, xhr: byXhr, font: byFont, image: byImage };

addEventListener("message", async (event) => {
  if (parent === window || event.source !== parent) return;
  const { key, request } = event.data;
  let outcome;
  try {
    outcome = { allowed: true, ...(await WAYS[request.kind](request)) };
  } catch (error) {
    outcome = { allowed: false, unsendable: error instanceof Unsendable, error: String(error.message || error) };
  }
  parent.postMessage({ key, outcome }, event.origin);
});

if (parent !== window) parent.postMessage({ ready: true }, "*");
