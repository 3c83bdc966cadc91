// Origins: the grammar of a serialised origin, and the entries of an allowlist. The twin of edgecors/origin.py.

// Regular expressions end with (?![\s\S]): njs's dollar sign also matches before a trailing newline.
const SCHEME = /^(?!file:)[a-z][a-z0-9+.-]*:\/\//;
const PORT = /^[1-9]\d{0,4}(?![\s\S])/;
const HOST = /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?(?![\s\S])/;
// A name that ends in a number is an IPv4 address to every browser, and an address has one spelling.
const ENDS_IN_NUMBER = /(^|\.)(\d+|0x[0-9a-f]*)\.?(?![\s\S])/;
const IPV4 = /^((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(?=\d)|(?![\s\S]))){4}(?![\s\S])/;
const IPV6_PIECE = /^(0|[1-9a-f][0-9a-f]{0,3})(?![\s\S])/;
// Visible ASCII without the URL standard's forbidden host code points, the percent sign, quotes, braces, star, comma.
const OPAQUE_HOST = /^[!\x24&'()+.0-9;=A-Z_a-z~-]+(?![\s\S])/;
const LABEL_PART = /^[a-z0-9-]+(?![\s\S])/;

// https://url.spec.whatwg.org/#default-port. Not an object: a scheme may be called "constructor".
function defaultPort(scheme) {
  return scheme === 'https' || scheme === 'wss' ? '443' : scheme === 'http' || scheme === 'ws' ? '80' : scheme === 'ftp' ? '21' : '';
}

// The parts of a serialised tuple origin: [scheme, host, port]. Undefined for a malformed one, `null` and `file`.
function parseOrigin(text) {
  if (text.length > 512 || !SCHEME.test(text)) {
    return;
  }
  const start = text.indexOf('://');
  const scheme = text.slice(0, start);
  const authority = text.slice(start + 3);
  const usual = defaultPort(scheme);
  const colon = authority.indexOf(':', authority[0] === '[' ? authority.indexOf(']') : 0);
  const host = colon < 0 ? authority : authority.slice(0, colon);
  const port = colon < 0 ? '' : authority.slice(colon + 1);
  if (!isHost(host, usual) || (colon >= 0 && (!PORT.test(port) || +port > 65535 || port === usual))) {
    return;
  }
  return [scheme, host, port];
}

function isHost(host, isSpecial) {
  if (host[0] === '[') {
    return host.slice(-1) === ']' && isIpv6(host.slice(1, -1));
  }
  if (!isSpecial) {
    return OPAQUE_HOST.test(host);
  }
  return host.length < 254 && HOST.test(host) && (!ENDS_IN_NUMBER.test(host) || IPV4.test(host));
}

// Whether text is the one serialisation of an address: https://url.spec.whatwg.org/#concept-ipv6-serializer
function isIpv6(text) {
  const gap = text.indexOf('::');
  const head = gap < 0 ? text : text.slice(0, gap);
  const tail = gap < 0 ? '' : text.slice(gap + 2);
  let pieces = head ? head.split(':') : [];
  const last = tail ? tail.split(':') : [];
  const count = pieces.length + last.length;
  if (count > 8 || (gap < 0 && count < 8) || pieces.concat(last).some((piece) => !IPV6_PIECE.test(piece))) {
    return false;
  }
  for (let i = count; i < 8; i++) {
    pieces.push('0');
  }
  pieces = pieces.concat(last);
  // The first longest run of two or more zeros is compressed.
  let start = 0;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (pieces[end] === '0') {
      end++;
    }
    if (end - i > length) {
      start = i;
      length = end - i;
    }
  }
  return text === (length < 2 ? pieces.join(':') : pieces.slice(0, start).join(':') + '::' + pieces.slice(start + length).join(':'));
}

// Whether an entry with a star allows a parsed origin. Entries were validated when the policy was compiled.
function matchesPattern(entry, origin, parts) {
  let pattern = entry;
  let text = origin;
  if (entry.slice(-2) === ':*') {
    pattern = entry.slice(0, -2);
    text = parts[0] + '://' + parts[1];
  }
  const star = pattern.indexOf('*');
  if (star < 0) {
    return text === pattern;
  }
  const after = pattern.slice(star + 1);
  if (text.slice(0, star) !== pattern.slice(0, star)) {
    return false;
  }
  if (!after) {
    // moz-extension://*
    return !parts[2];
  }
  const middle = text.slice(star, text.length - after.length);
  // https://*.example.com: one or more labels. https://shop-*.example.com: a part of the leftmost label.
  return (
    text.slice(star) === middle + after && !!middle && ((pattern[star - 1] === '/' && after[0] === '.') || LABEL_PART.test(middle))
  );
}

// Whether one of the entries, separated by blanks, allows the origin. Parts: undefined for `null` and malformed origins.
function hasOrigin(entries, origin, parts) {
  return entries.split(' ').some((entry) => entry === origin || (parts && entry.indexOf('*') > 0 && matchesPattern(entry, origin, parts)));
}
