// Actual requests: Fetch, "CORS check", seen from the server's side.

// Whether the request comes from a page of its own origin; undefined where the event does not show enough.
function isSameOrigin(request) {
  const site = headerValue(request.headers, 'sec-fetch-site');
  const parts = request.parts;
  let host = request.host;
  if (site !== undefined) {
    return site === 'same-origin' || site === 'none';
  }
  if (!parts || host === undefined) {
    return parts ? undefined : false;
  }
  host = host.toLowerCase();
  const colon = host.lastIndexOf(':');
  const port = host.slice(colon + 1);
  if (!port || port === defaultPort(parts[0])) {
    host = colon < 0 ? '' : host.slice(0, colon);
  }
  return host === parts[1] + (parts[2] && ':' + parts[2]);
}

function judgeActual(rule, request) {
  const timing = hasFlag(rule, GRANT_TIMING_ALLOW_ORIGIN);
  const grant = findGrant(rule, request);
  const isOpen = grant && grant[0] === '*';
  const allowed = isOpen ? '*' : request.origin;
  // A request that may come from the site itself is never blocked.
  if (!grant && request.origin !== undefined && rule[3] & RULE_BLOCKS && isSameOrigin(request) === false) {
    return decision(403, [NO_STORE], ['Origin'], timing);
  }
  const headers = [
    ['access-control-allow-origin', grant && allowed],
    ['access-control-allow-credentials', grant && grant[5] & GRANT_ALLOW_CREDENTIALS && 'true'],
    ['access-control-expose-headers', grant && grant[3]],
    ['cross-origin-resource-policy', rule[4]],
    ['timing-allow-origin', grant && grant[5] & GRANT_TIMING_ALLOW_ORIGIN && allowed]
  ];
  return decision(0, headers.filter((pair) => pair[1]), isOpen && rule[2].length < 2 ? [] : ['Origin'], timing);
}

// The candidates of an ambiguous resource differ: allow nothing, and block if one of them does.
function refuseActual(rules, decisions) {
  const isBlocked = decisions.some((other) => other && other.status);
  return decision(isBlocked ? 403 : 0, isBlocked ? [NO_STORE] : [], ['Origin'], rules.some((rule) => hasFlag(rule, GRANT_TIMING_ALLOW_ORIGIN)));
}
