// Paths and hosts: every reading of a path that some upstream may have, and globs. The twin of edgecors/paths.py.

const KEPT = '\0/\\%;?#';

// Escapes of one character in UTF-8 without overlong forms and surrogates; at last, a byte of anything else.
const ESCAPES = new RegExp(
  '%[0-7]H|%(c[2-9a-f]|dH)C|%(e0%[ab]H|ed%[89]H|e[1-9a-cef]C)C|%(f0%[9ab]H|f4%8H|f[1-3]C)CC|%HH'.replace(/C/g, '%[89ab]H').replace(/H/g, '[0-9a-f]'),
  'gi'
);

// Percent escapes decoded, except those that may change what the path means; a bad escape stays as it is.
function decodeEscapes(path) {
  return path
    .replace(/\\/g, '%5C')
    .replace(/\0/g, '%00')
    .replace(ESCAPES, (escape) => {
      // No exception for invalid bytes: in njs 0.7 one takes milliseconds.
      const character = escape.length < 4 && escape > '%8' ? '%' : decodeURIComponent(escape);
      return KEPT.indexOf(character) < 0 ? character : escape.toUpperCase();
    });
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

// The character that escaped bytes stand for in Latin-1, or in overlong UTF-8.
function codePoint(escape) {
  const bytes = escape.slice(1).split('%');
  let code = 0;
  bytes.forEach((digits, i) => {
    const byte = parseInt(digits, 16);
    code = i ? (code << 6) | (byte & 63) : bytes.length > 1 ? byte & (127 >> bytes.length) : byte;
  });
  const character = String.fromCodePoint(code);
  return KEPT.indexOf(character) < 0 ? character : '%' + hex(code, 2).toUpperCase();
}

// No kept escape follows the percent sign.
const BAD_ESCAPE = /%(?!00|2F|5C|25|3B|3F|23|[89A-F][0-9A-F])/g;

// Not an arrow function in the table: njs 0.7 would change the numbers of the whole script to strings.
function queryMark(escape) {
  return escape === '%23' ? '#' : '?';
}

// What servers do with a path: each step gives the form that one step of one server makes of another form.
const REWRITINGS = [
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
  [/%[89A-F][0-9A-F]/g, codePoint],
  [/%C[01]%[89AB][0-9A-F]|%E0%[89][0-9A-F]%[89AB][0-9A-F]|%F0%8[0-9A-F](%[89AB][0-9A-F]){2}/g, codePoint],
];

// Every form of a path that an upstream may take it for. Undefined when the path may be about anything.
function readings(path) {
  if (!path) {
    return ['/'];
  }
  if (path[0] !== '/') {
    return;
  }
  const forms = [decodeEscapes(path)];
  if (!/\/\/|[%;?#]/.test(forms[0])) {
    return [removeDotSegments(forms[0])];
  }
  if (path.length > 1024) {
    return;
  }
  for (let i = 0; i < forms.length; i++) {
    const form = forms[i];
    // The first steps are for forms without any percent sign.
    const steps = form.indexOf('%') < 0 ? REWRITINGS.slice(0, 3) : REWRITINGS;
    const next = steps.map((step) => form.replace(step[0], step[1]));
    next.push(removeDotSegments(form));
    if (form.indexOf('%25') >= 0) {
      next.push(decodeEscapes(form.replace(/%25/g, '%')));
    }
    next.forEach((text) => {
      if (forms.indexOf(text) < 0) {
        forms.push(text);
      }
    });
    if (forms.length > 32) {
      return;
    }
  }
  return forms.map(removeDotSegments);
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
