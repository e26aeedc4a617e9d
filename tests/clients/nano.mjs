// npm `nano`: documents, views, changes and attachments, with basic authentication and with a cookie.

import assert from 'node:assert/strict';
import nano from 'nano';
import { task, url, user } from './task.mjs';

const address = new URL(url);
Object.assign(address, user);
const server = nano(address.href.replace(/\/$/, ''));
const database = server.use('cloudai');

const put = await database.insert(task('nano'));
assert.ok(put.ok && put.rev.startsWith('1-'));
const got = await database.get('task:nano');
assert.equal(got.status, 'pending');
await assert.rejects(database.insert(task('nano')), { statusCode: 409, error: 'conflict' });
await assert.rejects(database.insert(task('nano-lost', { status: 'lost' })), { statusCode: 403, error: 'forbidden' });
await assert.rejects(database.get('task:none'), { statusCode: 404 });

const pending = await database.view('tasks', 'by_status', { key: 'pending' });
assert.ok(pending.rows.some(row => row.id === 'task:nano' && row.key === 'pending'));
const counts = await database.view('tasks', 'count_by_status', { group: true });
assert.equal(counts.rows.find(row => row.key === 'pending').value, pending.rows.length);

const changed = await database.insert({ ...got, status: 'running' });
assert.ok(changed.rev.startsWith('2-'));
const after = await database.view('tasks', 'by_status', { key: 'pending' });
assert.equal(after.rows.length, pending.rows.length - 1);

const bulk = await database.bulk({ docs: ['a', 'b', 'c'].map(name => task(`nano-${name}`)) });
assert.equal(bulk.length, 3);
const fetched = await database.fetch({ keys: ['task:nano-a', 'task:nano-c', 'task:none'] });
assert.deepEqual(fetched.rows.map(row => row.id ?? row.error), ['task:nano-a', 'task:nano-c', 'not_found']);
const found = await database.find({ selector: { _id: { $gt: 'task:nano-' }, status: 'pending' }, limit: 2 });
assert.equal(found.docs.length, 2);

const changes = await database.changes({ since: 0, include_docs: true });
assert.ok(changes.results.some(row => row.id === 'task:nano' && row.doc._rev === changed.rev));
const next = new Promise((resolve, reject) => {
  database.changesReader.get({ since: 'now', wait: true }).on('batch', resolve).on('error', reject);
});
// The reader has asked for "now" before this is written.
await new Promise(resolve => setTimeout(resolve, 1000));
await database.insert(task('nano-later'));
assert.equal((await next)[0].id, 'task:nano-later');
database.changesReader.stop();

await server.db.create('nano');
const files = server.use('nano');
const bytes = Buffer.from([0, 1, 2, 254, 255]);
const attached = await files.attachment.insert('doc', 'bytes.bin', bytes, 'application/octet-stream');
assert.deepEqual(await files.attachment.get('doc', 'bytes.bin'), bytes);
await files.multipart.insert({ _id: 'parts', own: 1 }, [
  { name: 'one.txt', data: 'one', content_type: 'text/plain' },
  { name: 'two.txt', data: 'two', content_type: 'text/plain' },
], 'parts');
assert.equal((await files.attachment.get('parts', 'two.txt')).toString(), 'two');
await files.destroy('doc', attached.rev);
await server.db.destroy('nano');

const session = nano({ url });
await session.auth(user.username, user.password);
assert.equal((await session.session()).userCtx.name, user.username);
assert.equal((await session.use('cloudai').get('task:nano')).status, 'running');

for (const name of ['nano', 'nano-a', 'nano-b', 'nano-c', 'nano-later']) {
  const { _rev } = await database.get(`task:${name}`);
  await database.destroy(`task:${name}`, _rev);
}
// The reader's last request stays open for a while.
process.exit(0);
