// PouchDB in memory: puts the documents, then builds one view over them. Only the view is timed.
// Arguments: the folder with its packages, the file of documents, the file of the map function.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [folder, file, source] = process.argv.slice(2);
const require = createRequire(join(folder, 'package.json'));
const load = (name) => require(name).default ?? require(name);
const PouchDB = load('pouchdb-core');
PouchDB.plugin(load('pouchdb-adapter-memory')).plugin(load('pouchdb-mapreduce'));

const db = new PouchDB('bench', { adapter: 'memory' });
const documents = readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
for (let at = 0; at < documents.length; at += 5000) {
  await db.bulkDocs(documents.slice(at, at + 5000), { new_edits: false });
}
const map = readFileSync(source, 'utf8');
await db.put({ _id: '_design/d', views: { v: { map } } });
const started = process.hrtime.bigint();
const answer = await db.query('d/v', { limit: 1 });
const seconds = Number(process.hrtime.bigint() - started) / 1e9;
console.log(JSON.stringify({ seconds, rows: answer.total_rows }));
