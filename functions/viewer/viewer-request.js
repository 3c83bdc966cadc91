// The viewer-request function: answer preflights, block what the policy blocks, let everything else go on.

const PHRASES = { 204: 'No Content', 403: 'Forbidden', 503: 'Service Unavailable' };

function respond(answer) {
  const headers = { vary: { value: answer.vary.join(', ') } };
  answer.headers.forEach((pair) => {
    headers[pair[0]] = { value: pair[1] };
  });
  const response = { statusCode: answer.status, statusDescription: PHRASES[answer.status], headers: headers };
  if (answer.body) {
    response.body = { encoding: 'text', data: answer.body };
  }
  return response;
}

async function main(event) {
  const request = event.request;
  try {
    const headers = request.headers;
    if (headerValue(headers, 'origin') === undefined) {
      return request;
    }
    // https://fetch.spec.whatwg.org/#cors-preflight-request. Any other OPTIONS is an ordinary request.
    const isPreflight = request.method === 'OPTIONS' && headerValue(headers, 'access-control-request-method') !== undefined;
    let answer;
    if (isPreflight) {
      answer = await decide(event, judgePreflight, () => true, refusePreflight);
      if (answer === undefined) {
        answer = decision(503, [['retry-after', '1'], NO_STORE], VARY_PREFLIGHT);
      }
    } else {
      answer = await decide(event, judgeActual, (rule) => rule[3] & RULE_BLOCKS, refuseActual);
    }
    if (answer && answer.status) {
      return respond(answer);
    }
  } catch (error) {
    // The site stays open; the response gets no CORS headers.
  }
  return request;
}
