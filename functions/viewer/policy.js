// Policies in the KeyValueStore. edgecors_admin.key_value_store writes them and explains their layout.

// A policy is [rules, number of buckets, depths, texts before a refusal's cause, texts after it]; a rule [paths, hosts, grants, flags, resource policy];
// a grant [origins, methods, headers, exposed headers, max age, flags]. Each true/false field of the field table has a flag of its name.
const FORMAT = 1;
const RULE_BLOCKS = 1;
const RULE_DEBUG = 2;
const GRANT_ALLOW_CREDENTIALS = 1;
const GRANT_ALLOW_PRIVATE_NETWORK = 2;
const GRANT_TIMING_ALLOW_ORIGIN = 4;
const DEFAULT_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';

const kvs = cf.kvs();

// What a pointer names: [policy, prefix of its other keys]. Rejects when a key is missing, or the format is not known.
async function readPolicy(site, pointer) {
  const text = await kvs.get(site + '/' + pointer);
  const data = JSON.parse(text);
  const prefix = site + '/' + data[2] + '/';
  if (data[0] !== FORMAT) {
    throw 0;
  }
  if (typeof data[3] === 'number') {
    let body = '';
    for (let i = 0; i < data[3]; i++) {
      const part = await kvs.get(prefix + 'p' + i);
      body += part;
    }
    data[3] = JSON.parse(body);
  }
  return [data[3], prefix];
}

// The buckets that may hold an entry for the origin, one line for each set of origins: its number, then its entries.
async function readBuckets(policy, prefix, origin, parts) {
  const labels = (parts ? parts[1] : origin).split('.');
  const keys = [0].concat(policy[2]).map((depth) => (depth ? '.' : '') + labels.slice(-depth).join('.'));
  let text = '';
  for (let i = 0; i < keys.length; i++) {
    let hash = 0;
    for (let j = 0; j < keys[i].length; j++) {
      hash = (hash * 33 + keys[i].charCodeAt(j)) % 1000003;
    }
    const bucket = await kvs.get(prefix + (hash % policy[1]));
    text += '\n' + bucket;
  }
  return text;
}
