// Requests to this page's server. The token came in the fragment, which no server and no other page sees.

const KEY = "edgecors-token";

export function takeToken() {
  const [, token] = /^#token=([\w-]+)$/.exec(location.hash) ?? [];
  if (!token) return;
  sessionStorage.setItem(KEY, token);
  history.replaceState(null, "", "#/");
}

export class RequestError extends Error {
  constructor(status, content) {
    super(content.error ?? `The server answered with status ${status}.`);
    this.status = status;
    this.proposal = content.proposal;
  }
}

async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, {
      ...options,
      headers: { Authorization: `Bearer ${sessionStorage.getItem(KEY) ?? ""}`, ...options.headers },
    });
  } catch {
    throw new RequestError(0, { error: "No answer from edgecors ui. Is it still running in the terminal?" });
  }
  const content = await response.json().catch(() => ({}));
  if (!response.ok) throw new RequestError(response.status, content);
  return content;
}

export const read = (name, query = {}) => request(`/api/${name}?${new URLSearchParams(query)}`);

export const send = (name, content) =>
  request(`/api/${name}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content) });
