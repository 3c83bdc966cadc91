// Headers of events: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html

// The text without blanks around it, in linear time: a search for blanks at the end would start again at every blank before.
function strip(text) {
  return /^[ \t]*([\s\S]*[^ \t])?/.exec(text)[1] || '';
}

// All values of a header. Names are in lower case.
function headerValues(headers, name) {
  const header = headers[name];
  const values = header && header.multiValue;
  return values && values.length ? values.map((item) => item.value) : header ? [header.value] : [];
}

// The values of a header, joined; undefined for an absent header.
function headerValue(headers, name) {
  const values = headerValues(headers, name);
  return values.length ? values.join(', ') : undefined;
}
