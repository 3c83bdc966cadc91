// Headers of events: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html

function strip(text) {
  return text.replace(/^[ \t]+|[ \t]+(?![\s\S])/g, '');
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
