// Merging Origin into a Vary header: RFC 9110, section 12.5.5. The twin of edgecors/events/vary.py.

const CONTROL = /[\0-\x1f\x7f]/;

// One value that holds all that the values do, and Origin; undefined when nothing is missing.
function mergeVary(values) {
  let value = (values.length === 1 ? values : values.filter((one) => /[^ \t,]/.test(one))).join(', ');
  const names = value.split(',').map(strip);
  if (names.some((name) => name === '*' || name.toLowerCase() === 'origin')) {
    return;
  }
  if (CONTROL.test(value)) {
    // A name with a control character is not a header's, and CloudFront would answer 502.
    value = names.filter((name) => !CONTROL.test(name)).join(', ');
  }
  return /[^ \t,]/.test(value) ? value + ', Origin' : 'Origin';
}
