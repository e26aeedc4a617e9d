// npm `pouchdb`: the sandbox as a remote database, and replicated both ways, with conflicts,
// attachments and live.

import assert from 'node:assert/strict';
import PouchDB from 'pouchdb';
import memory from 'pouchdb-adapter-memory';
import { task, url, user } from './task.mjs';

PouchDB.plugin(memory);
const remote = new PouchDB(`${url}/cloudai`, { auth: user });
const local = new PouchDB('local', { adapter: 'memory' });

await remote.put(task('pouch'));
const pending = await remote.query('tasks/by_status', { key: 'pending', reduce: false });
assert.ok(pending.rows.some(row => row.id === 'task:pouch'));

// From the sandbox: all documents, and the views answer alike on both sides.
const pulled = await local.replicate.from(remote);
assert.ok(pulled.ok && pulled.docs_written > 100 && pulled.doc_write_failures === 0);
assert.equal((await local.info()).doc_count, (await remote.info()).doc_count);
const here = await local.query('tasks/by_status', { key: 'pending' });
assert.deepEqual(here.rows.map(row => row.id), pending.rows.map(row => row.id));
// Again, there is nothing left to do.
assert.equal((await local.replicate.from(remote)).docs_read, 0);

// To the sandbox: a change, a deletion, and what its validation refuses.
const mine = await local.get('task:pouch');
await local.put({ ...mine, status: 'running' });
await local.put(task('pouch-new'));
await local.put(task('pouch-lost', { status: 'lost' }));
await local.remove(await local.get('task:task-128'));
const pushed = await local.replicate.to(remote);
assert.equal(pushed.docs_written, 3);
assert.equal(pushed.doc_write_failures, 1);
assert.equal((await remote.get('task:pouch')).status, 'running');
await assert.rejects(remote.get('task:task-128'), { status: 404, reason: 'deleted' });

// Both ways, with a conflict and attachments.
const other = new PouchDB(`${url}/pouchdb`, { auth: user });
const copy = new PouchDB('copy', { adapter: 'memory' });
await other.put({ _id: 'both', from: 'the sandbox' });
await copy.put({ _id: 'both', from: 'here' });
await copy.putAttachment('file', 'note.txt', Buffer.from('from here'), 'text/plain');
await other.putAttachment('picture', 'dot.bin', Buffer.from([0, 1, 255]), 'application/octet-stream');
await copy.sync(other);
for (const side of [copy, other]) {
  const both = await side.get('both', { conflicts: true });
  assert.equal(both._conflicts.length, 1);
  assert.equal((await side.getAttachment('file', 'note.txt')).toString(), 'from here');
  assert.deepEqual([...await side.getAttachment('picture', 'dot.bin')], [0, 1, 255]);
}
assert.equal((await copy.get('both'))._rev, (await other.get('both'))._rev);

// Live: what is written on one side turns up on the other.
const sync = copy.sync(other, { live: true, retry: true });
const arrives = (database, id) => new Promise((resolve, reject) => {
  database.changes({ live: true, include_docs: true, doc_ids: [id] })
    .on('change', function change(row) {
      this.cancel();
      resolve(row.doc);
    })
    .on('error', reject);
});
const [there, back] = [arrives(other, 'up'), arrives(copy, 'down')];
await copy.put({ _id: 'up', n: 1 });
await other.put({ _id: 'down', n: 2 });
assert.deepEqual([(await there).n, (await back).n], [1, 2]);
sync.cancel();

await other.destroy();
for (const name of ['pouch', 'pouch-new']) await remote.remove(await remote.get(`task:${name}`));
// Connections of feeds stay open for a while.
process.exit(0);
