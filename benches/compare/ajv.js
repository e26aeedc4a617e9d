// What ajv needs for a file of documents, one per line, on one core, to be compared with
// `couchctl validate -j 1`. Needs the packages ajv@8 and ajv-formats@3.
//
//   node ajv.js schemas/cloudai/task.schema.json million.ndjson
'use strict';

const fs = require('fs');
const Ajv = require('ajv/dist/2020');

const [schema, file] = process.argv.slice(2);
const ajv = new Ajv({ allErrors: true });
require('ajv-formats')(ajv);
const validate = ajv.compile(JSON.parse(fs.readFileSync(schema, 'utf8')));

const started = process.hrtime.bigint();
let [documents, invalid, rest] = [0, 0, ''];
fs.createReadStream(file, { encoding: 'utf8', highWaterMark: 1 << 20 })
  .on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      const doc = JSON.parse(line);
      delete doc._rev;
      documents += 1;
      invalid += validate(doc) ? 0 : 1;
    }
  })
  .on('end', () => {
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    const rate = Math.round(documents / seconds);
    console.log(`${documents} documents, ${invalid} invalid, ${seconds.toFixed(2)} s, ${rate} per second`);
  });
