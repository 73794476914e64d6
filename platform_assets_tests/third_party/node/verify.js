'use strict';
// Verifies one signed file of the evidence with sigstore's own verifier, and that files are its subjects:
//
//   node verify.js --key SIGNER.pem --bundle SIGNED --type PREDICATE-TYPE FILE...
//
// Steps: 1. the bundle is one of sigstore's v0.3; 2. its one signature is by the given key; 3. what is
// signed is an in-toto statement of the given type; 4. the SHA-256 of every FILE is one of its subjects.
// No public log and no timestamp is asked for: the platform keeps its own log of closures.

const { createHash, createPublicKey } = require('node:crypto');
const { createReadStream, readFileSync } = require('node:fs');
const { parseArgs } = require('node:util');
const { bundleFromJSON } = require('@sigstore/bundle');
const { Verifier, toSignedEntity, toTrustMaterial } = require('@sigstore/verify');

const MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
const NO_AUTHORITIES = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };

const sha256 = (data) => createHash('sha256').update(data).digest('hex');

async function digestOf(file) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest('hex');
}

function expect(thing, expected, found) {
  if (found !== expected) throw new Error(`${thing}: expected ${expected}, found ${found}`);
}

// A key is named by the SHA-256 of its DER, in a model signature by that of its PEM.
function trust(pem) {
  const key = createPublicKey(pem);
  const der = key.export({ type: 'spki', format: 'der' });
  const hints = [sha256(der), sha256(key.export({ type: 'spki', format: 'pem' }))];
  return toTrustMaterial(NO_AUTHORITIES, Object.fromEntries(hints.map((h) => [h, { rawBytes: der }])));
}

async function main() {
  const options = Object.fromEntries(['key', 'bundle', 'type'].map((o) => [o, { type: 'string' }]));
  const { values, positionals: files } = parseArgs({ options, allowPositionals: true });
  if (!values.key || !values.bundle || !values.type || files.length === 0) {
    throw new Error('usage: node verify.js --key SIGNER.pem --bundle SIGNED --type TYPE FILE...');
  }
  const bundle = bundleFromJSON(JSON.parse(readFileSync(values.bundle, 'utf8'))); // 1
  expect('media type', MEDIA_TYPE, bundle.mediaType);
  const none = { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 };
  new Verifier(trust(readFileSync(values.key)), none).verify(toSignedEntity(bundle)); // 2
  const envelope = bundle.content.dsseEnvelope; // 3
  expect('payload type', PAYLOAD_TYPE, envelope.payloadType);
  const statement = JSON.parse(envelope.payload.toString('utf8'));
  expect('statement type', STATEMENT_TYPE, statement._type);
  expect('predicate type', values.type, statement.predicateType);
  const subjects = new Set(statement.subject.map((subject) => subject.digest.sha256));
  for (const file of files) { // 4
    const digest = await digestOf(file);
    if (!subjects.has(digest)) throw new Error(`${file}: sha256 ${digest} is no subject`);
  }
  console.log(`verified: ${values.bundle} signs ${files.join(', ')}`);
}

main().catch((error) => {
  console.error(`refused: ${error.message}`);
  process.exitCode = 1;
});
