// Preflights: Fetch, "CORS-preflight fetch", seen from the server's side.

// Positions in the texts of refusals, which only a policy with `debug` holds.
const ORIGIN_NOT_ALLOWED = 0;
const ORIGIN_MALFORMED = 1;
const METHOD_NOT_ALLOWED = 2;
const HEADERS_NOT_ALLOWED = 3;
const HEADERS_MALFORMED = 4;
const TOKEN = /^[!#\x24%&'*+.^_`|~0-9A-Za-z-]+(?![\s\S])/;
const VARY_PREFLIGHT = ['Origin', 'Access-Control-Request-Method', 'Access-Control-Request-Headers'];
const VARY_PRIVATE = VARY_PREFLIGHT.concat('Access-Control-Request-Private-Network');

// The lower-case names of an Access-Control-Request-Headers value; undefined for a malformed or too long one.
function parseHeaderNames(value) {
  const parts = value.split(',');
  // Before the work for each part: a viewer can send 20 KB.
  if (value.length > 4096 || parts.length > 80) {
    return;
  }
  const names = parts.map(strip).filter((name) => name);
  if (names.length > 64 || parts.length - names.length > 16 || !names.every((name) => TOKEN.test(name))) {
    return;
  }
  return names.map((name) => name.toLowerCase());
}

function judgePreflight(rule, request, policy) {
  const method = headerValue(request.headers, 'access-control-request-method');
  const value = headerValue(request.headers, 'access-control-request-headers');
  const vary = hasFlag(rule, GRANT_ALLOW_PRIVATE_NETWORK) ? VARY_PRIVATE : VARY_PREFLIGHT;
  const grant = findGrant(rule, request);
  const refuse = (reason, cause) => {
    if (!(rule[3] & RULE_DEBUG)) {
      return decision(403, [NO_STORE], vary);
    }
    const quoted = cause === undefined ? '' : ' ' + quote(cause.slice(0, 100));
    const body = policy[3][reason] + quoted + policy[4][reason] + policy[0].indexOf(rule) + ').\n';
    return decision(403, [NO_STORE, ['content-type', 'text/plain; charset=utf-8']], vary, false, body);
  };
  // 1. The origin: the first grant that has it decides, and no other grant is asked after it.
  if (!grant) {
    return refuse(request.parts || request.origin === 'null' ? ORIGIN_NOT_ALLOWED : ORIGIN_MALFORMED);
  }
  // 2. The method and the headers, by that grant.
  const credentials = grant[5] & GRANT_ALLOW_CREDENTIALS;
  let methods = grant[1] || DEFAULT_METHODS;
  if (methods === '*' ? !TOKEN.test(method) || /^(connect|trace|track)(?![\s\S])/i.test(method) : methods.split(', ').indexOf(method) < 0) {
    return refuse(METHOD_NOT_ALLOWED, method);
  }
  const names = parseHeaderNames(value || '');
  if (!names) {
    return refuse(HEADERS_MALFORMED);
  }
  let headers = grant[2];
  const listed = headers.split(', ');
  const refused = headers === '*' ? [] : names.filter((name) => listed.indexOf(name) < 0);
  if (refused.length) {
    return refuse(HEADERS_NOT_ALLOWED, refused[0]);
  }
  // 3. The answer. The wildcard never covers Authorization, and with credentials it is a name like any other.
  if (headers === '*') {
    headers = credentials ? names.filter((name, i) => names.indexOf(name) === i).join(', ') : '*, authorization';
  }
  if (methods === '*' && credentials) {
    methods = method;
  }
  const isPrivate = grant[5] & GRANT_ALLOW_PRIVATE_NETWORK && headerValue(request.headers, 'access-control-request-private-network') === 'true';
  const answer = [
    ['access-control-allow-origin', grant[0] === '*' ? '*' : request.origin],
    ['access-control-allow-credentials', credentials && 'true'],
    ['access-control-allow-methods', methods],
    ['access-control-allow-headers', headers],
    ['access-control-max-age', '' + grant[4]],
    ['access-control-allow-private-network', isPrivate && 'true']
  ];
  return decision(204, answer.filter((pair) => pair[1]), vary);
}

function refusePreflight(rules) {
  return decision(403, [NO_STORE], rules.some((rule) => hasFlag(rule, GRANT_ALLOW_PRIVATE_NETWORK)) ? VARY_PRIVATE : VARY_PREFLIGHT);
}

// The text as Python's ascii() writes it.
function quote(text) {
  const mark = text.indexOf("'") >= 0 && text.indexOf('"') < 0 ? '"' : "'";
  const escape = (character) => {
    const code = character.codePointAt(0);
    const blank = '\t\n\r'.indexOf(character);
    if (character === '\\' || character === mark) {
      return '\\' + character;
    }
    if (code > 31 && code < 127) {
      return character;
    }
    return '\\' + (blank < 0 ? (code < 256 ? 'x' + hex(code, 2) : code < 65536 ? 'u' + hex(code, 4) : 'U' + hex(code, 8)) : 'tnr'[blank]);
  };
  return mark + text.split('').map(escape).join('') + mark;
}
