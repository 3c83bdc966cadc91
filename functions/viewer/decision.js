// Which rules may apply to a request, and what they allow. The counterpart of edgecors/decision.py.

// An answer or a change of a response: headers to set, and the rest that edgecors.decision.Decision has.
function decision(status, headers, vary, timing, body) {
  return { status: status, headers: headers, vary: vary, timing: timing, body: body };
}

const NO_STORE = ['cache-control', 'no-store'];

// Whether the rule is about a resource; undefined where the answer depends on a host that is not known.
function matchesRule(rule, host, path) {
  if (rule[0] && !rule[0].some((glob) => matchesGlob(path, glob))) {
    return false;
  }
  return !rule[1] || (host ? rule[1].some((glob) => matchesGlob(host, glob)) : undefined);
}

// A Host header's value in lower case, without port and trailing dot; undefined where it names no single host.
function bareHost(host) {
  if (!host || /[, ]/.test(host)) {
    return;
  }
  const name = host.toLowerCase();
  return (name.slice(-1) === ']' ? name : name.replace(/:\d*(?![\s\S])/, '')).replace(/\.(?![\s\S])/, '');
}

// Every rule that may be the first one to match the resource; null stands for "no rule matches".
function candidates(rules, request) {
  const host = bareHost(request.host);
  const paths = rules.some((rule) => rule[0]) ? readings(request.path) : [''];
  const result = [];
  const walk = (path) => {
    const isLast = rules.some((rule) => {
      const matches = matchesRule(path === undefined ? [0, rule[1]] : rule, host, path);
      if (matches !== false && result.indexOf(rule) < 0) {
        result.push(rule);
      }
      return matches && (path !== undefined || !rule[0]);
    });
    if (!isLast && result.indexOf(null) < 0) {
      result.push(null);
    }
  };
  if (paths) {
    paths.forEach(walk);
  } else {
    walk();
  }
  return result;
}

// Whether the origin can be an entry. Nothing else may be compared: a number that names a set could look like an entry.
function isOrigin(request) {
  return request.parts || request.origin === 'null';
}

// The first grant that has the origin; undefined where there is none.
function findGrant(rule, request) {
  const isEntry = (entries) => hasOrigin(entries, request.origin, request.parts);
  const isGranted = (grant) => {
    const set = parseInt(grant[0], 10);
    return (
      grant[0] === '*' ||
      (isOrigin(request) && (isEntry(grant[0]) || (set && request.buckets.split('\n').some((line) => parseInt(line, 10) === set && isEntry(line)))))
    );
  };
  return rule[2].filter(isGranted)[0];
}

function hasFlag(rule, flag) {
  return rule[2].some((grant) => grant[5] & flag);
}

// What the protocol needs of an event.
function readRequest(event) {
  const headers = event.request.headers;
  const origin = headerValue(headers, 'origin');
  return {
    host: headerValue(headers, 'host'),
    path: event.request.uri,
    origin: origin,
    parts: origin && parseOrigin(origin),
    headers: headers,
    buckets: ''
  };
}

// Decide a request. `judge` gives a rule's decision, `isRelevant` says whether a rule's decision matters here at all.
// Null: nothing may be changed. Undefined: no policy could be loaded.
async function decide(event, judge, isRelevant, refuse) {
  const site = event.context.distributionId;
  const request = readRequest(event);
  // The second pointer is updated later than the first one: it is complete while the first one, or its keys, propagate.
  for (let i = 0; i < 2; i++) {
    try {
      const stored = await readPolicy(site, i);
      const policy = stored[0];
      const rules = candidates(policy[0], request);
      if (!rules.some((rule) => rule && isRelevant(rule))) {
        return null;
      }
      if (isOrigin(request) && rules.some((rule) => rule && rule[2].some((grant) => parseInt(grant[0], 10)))) {
        request.buckets = await readBuckets(policy, stored[1], request.origin, request.parts);
      }
      const decisions = rules.map((rule) => rule && judge(rule, request, policy));
      const first = JSON.stringify(decisions[0]);
      return decisions.every((other) => JSON.stringify(other) === first) ? decisions[0] : refuse(rules.filter((rule) => rule), decisions);
    } catch (error) {
      // A key is missing, or the format is not known.
    }
  }
}
