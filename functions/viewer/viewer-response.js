// The viewer-response function: take the upstream's CORS headers from the response, set ours, merge Vary.

function removeHeaders(headers, timing) {
  Object.keys(headers).forEach((name) => {
    if (/^access-control-/i.test(name) || (timing && /^timing-allow-origin(?![\s\S])/i.test(name))) {
      delete headers[name];
    }
  });
}

async function main(event) {
  const response = event.response;
  try {
    let change = await decide(event, judgeActual, () => true, refuseActual);
    if (change === undefined) {
      change = decision(0, [], ['Origin']);
    }
    if (change) {
      const headers = response.headers;
      removeHeaders(headers, change.timing);
      change.headers.forEach((pair) => {
        headers[pair[0]] = { value: pair[1] };
      });
      const vary = change.vary.length ? mergeVary(headerValues(headers, 'vary')) : undefined;
      if (vary) {
        headers.vary = { value: vary };
      }
    }
  } catch (error) {
    // The site stays open, without CORS.
    if (response && response.headers) {
      removeHeaders(response.headers);
    }
  }
  return response;
}
