// Paths and hosts: every reading of a path that some upstream may have, and globs. The twin of edgecors/paths.py.

const fromCodePoint = String.fromCodePoint;
const KEPT = '\0/\\%;?#';

// Runs of escapes that are decoded: UTF-8 without overlong forms and surrogates, and none of `KEPT`. Or any other escape.
const ESCAPES = new RegExp(
  '((?:%(?!00|2f|5c|25|3b|3f|23)[0-7]H|%(?:c[2-9a-f]|dH)C|%(?:e0%[ab]H|ed%[89]H|e[1-9a-cef]C)C|%(?:f0%[9ab]H|f4%8H|f[1-3]C)CC)+)|%HH'
    .replace(/C/g, '%[89ab]H')
    .replace(/H/g, '[0-9a-f]'),
  'gi'
);

// Characters beyond ASCII are kept as their code between \x01 and \x02 until all forms are known: njs 0.7 may hang in a
// regular expression over a longer text that has any.
function toAscii(text) {
  return text
    .split('')
    .map((one) => (one > '\x7f' || one === '\x01' || one === '\x02' ? '\x01' + one.codePointAt(0).toString(16) + '\x02' : one))
    .join('');
}

function fromAscii(text) {
  return text
    .split('\x01')
    .map((piece, i) => (i ? fromCodePoint(parseInt(piece, 16)) + piece.slice(piece.indexOf('\x02') + 1) : piece))
    .join('');
}

// Percent escapes decoded, except those that may change what the path means; a bad escape stays as it is.
function decodeEscapes(path) {
  return path
    .replace(/\\/g, '%5C')
    .replace(/\0/g, '%00')
    .replace(ESCAPES, (escape, run) => (run ? toAscii(decodeURIComponent(run)) : escape.toUpperCase()));
}

// RFC 3986, section 5.2.4, for an absolute path.
function removeDotSegments(path) {
  if (path.indexOf('/.') < 0) {
    return path;
  }
  const segments = path.split('/');
  const output = [];
  segments.forEach((segment, i) => {
    const isParent = segment === '..';
    if (isParent && output.length > 1) {
      output.pop();
    }
    if (!isParent && segment !== '.') {
      output.push(segment);
    } else if (i === segments.length - 1) {
      output.push('');
    }
  });
  return output.join('/');
}

function hex(code, length) {
  return ('0000000' + code.toString(16)).slice(-length);
}

// A character, or its escape if it has to stay one. Lone surrogates of U+DC80 to U+DCFF stand for bytes in Python.
function character(code) {
  const text = fromCodePoint(code);
  const byte = code >> 7 === 0x1b9 ? code - 0xdc00 : code;
  return byte === code && KEPT.indexOf(text) < 0 ? toAscii(text) : '%' + hex(byte, 2).toUpperCase();
}

function toBytes(escapes) {
  return escapes.slice(1).split('%').map((digits) => parseInt(digits, 16));
}

// The character that escaped bytes stand for in Latin-1, or in overlong UTF-8.
function codePoint(escapes) {
  const bytes = toBytes(escapes);
  let code = bytes[0];
  bytes.forEach((byte, i) => {
    code = i ? (code << 6) | (byte & 63) : bytes.length > 1 ? byte & (127 >> bytes.length) : byte;
  });
  return character(code);
}

// Not arrow functions in the table below: njs 0.7 would change the numbers of the whole script to strings.

function queryMark(escape) {
  return escape === '%23' ? '#' : '?';
}

function unicodeEscape(escape) {
  return character(parseInt(escape.slice(2), 16));
}

function withReplacements(escapes) {
  return toAscii(Buffer.from(toBytes(escapes)).toString());
}

// No kept escape follows the percent sign.
const BAD_ESCAPE = /%(?!00|2F|5C|25|3B|3F|23|[89A-F][0-9A-F])/g;
const BYTE = /%[89A-F][0-9A-F]/g;
// What servers do with a path: each step gives the form that one step of one server makes of another form. The first
// steps are for forms without any percent sign too.
const REWRITINGS = [
  [/^\/+/, '/'],
  [/\/\/+/g, '/'],
  [/;[^/]*/g, ''],
  [/[?#][\s\S]*/, ''],
  [/%2F/g, '/'],
  [/%5C/g, '/'],
  [/%3B/g, ';'],
  [/%3F|%23/g, queryMark],
  [BAD_ESCAPE, '%25'],
  [BAD_ESCAPE, ''],
  [/%00[\s\S]*/, ''],
  [/%00/g, ''],
  [/%u[0-9A-Fa-f]{4}/g, unicodeEscape],
  [/(%[89A-F][0-9A-F])+/g, withReplacements],
  [BYTE, codePoint],
  [/%C[01]%[89AB][0-9A-F]|%E0%[89][0-9A-F]%[89AB][0-9A-F]|%F0%8[0-9A-F](%[89AB][0-9A-F]){2}/g, codePoint]
];

// Add the forms that one step each makes of a form, until `add` says that there are too many: true then.
function rewrite(form, add) {
  const hasEscapes = form.indexOf('%') >= 0;
  const steps = hasEscapes ? REWRITINGS : REWRITINGS.slice(0, 4);
  const removed = removeDotSegments(form);
  // As Tomcat does: dot segments at the end leave no slash behind.
  const withoutSlash = /\/\.\.?(?![\s\S])/.test(form) ? removed.slice(0, -1) || '/' : removed;
  return (
    add(removed) ||
    add(withoutSlash) ||
    steps.some((step) => add(form.replace(step[0], step[1]))) ||
    (form.indexOf('%25') >= 0 && add(decodeEscapes(form.replace(/%25/g, '%')))) ||
    // As Jetty does: one byte that is not UTF-8 makes the whole path Latin-1.
    (hasEscapes && form.search(BYTE) >= 0 && add(form.replace(/\x01(\w{2,})\x02/g, utf8).replace(BYTE, codePoint)))
  );
}

function utf8(_, code) {
  return encodeURIComponent(fromCodePoint(parseInt(code, 16)));
}

// Every form of a path that an upstream may take it for. Undefined when the path may be about anything.
function readings(path) {
  if (!path) {
    return ['/'];
  }
  // At most 384 escapes, and 64 that stay when the rest is decoded: a viewer can send 8 KB.
  if (path[0] !== '/' || path.split('%').length > 385) {
    return;
  }
  const text = toAscii(path);
  const plain = decodeEscapes(text);
  if (!/\/\/|[%;?#]/.test(plain)) {
    return [fromAscii(removeDotSegments(plain))];
  }
  const forms = [];
  let length = 0;
  const add = (form) => {
    if (forms.indexOf(form) < 0) {
      forms.push(form);
      length += form.replace(/\x01\w*/g, '').length;
    }
    return length > 2048 || forms.length > 12;
  };
  // A decoded character must not complete a bad escape: %%32F is no slash for a server that decodes once.
  let isTooMuch = plain.split('%').length > 65 || add(plain) || add(decodeEscapes(text.replace(/%(?![0-9A-Fa-f]{2})/g, '%25')));
  for (let i = 0; i < forms.length && !isTooMuch; i++) {
    isTooMuch = rewrite(forms[i], add);
  }
  return isTooMuch ? undefined : forms.map((form) => fromAscii(removeDotSegments(form)));
}

// The first position of a run without stars, where ? stands for any character; -1 when there is none.
function findRun(text, run, start, end) {
  if (run.indexOf('?') < 0) {
    const position = text.indexOf(run, start);
    return position + run.length <= end ? position : -1;
  }
  for (let i = start; i + run.length <= end; i++) {
    let length = 0;
    while (length < run.length && (run[length] === '?' || run[length] === text[i + length])) {
      length++;
    }
    if (length === run.length) {
      return i;
    }
  }
  return -1;
}

// Globs as CloudFront's behaviors have them: * any run of characters, ? exactly one character.
function matchesGlob(text, glob) {
  const runs = glob.split('*');
  const tail = runs.pop();
  let end = text.length - tail.length;
  if (!runs.length) {
    return end === 0 && findRun(text, tail, 0, text.length) === 0;
  }
  let start = 0;
  return (
    end >= 0 &&
    findRun(text, tail, end, text.length) === end &&
    runs.every((run, i) => {
      const position = findRun(text, run, start, i ? end : run.length);
      start = position + run.length;
      return position >= 0 && start <= end;
    })
  );
}
