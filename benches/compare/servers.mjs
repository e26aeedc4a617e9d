// Loads the same documents into the sandbox and into pouchdb-server in memory, with the same client, and
// queries a view. See README.md.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { documents } from './documents.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const count = Number(process.env.DOCUMENTS ?? 10_000);
const couchctl = process.env.COUCHCTL ?? join(here, '../../target/release/couchctl');
const BATCH = 1000;
const QUERIES = 200;
const ROUNDS = 3;

const loaded = [...documents(count)].map(text => {
  const { _rev, ...document } = JSON.parse(text);
  return document;
});
const design = {
  views: {
    compound: { map: readFileSync(join(here, 'compound.js'), 'utf8') },
    by_status: { map: "function (doc) { emit(doc.status, doc.priority); }", reduce: '_sum' },
  },
};

const servers = [['couchctl serve', port => [couchctl, 'serve', '--port', port, '--project', folder]]];
const pouchdb = process.env.POUCHDB_SERVER && join(process.env.POUCHDB_SERVER, 'node_modules/.bin/pouchdb-server');
if (pouchdb && existsSync(pouchdb)) {
  servers.push(['pouchdb-server', port => [pouchdb, '--in-memory', '--port', port, '--no-stdout-logs']]);
} else {
  console.log('not found: pouchdb-server; set POUCHDB_SERVER');
}
if (process.env.COUCHDB_URL) servers.push(['COUCHDB_URL', null]);

const folder = mkdtempSync(join(tmpdir(), 'couchctl-servers-'));
const init = spawn(couchctl, ['init', '--project', folder], { stdio: 'ignore' });
await new Promise(resolve => init.once('exit', resolve));

function freePort() {
  return new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(String(port)));
    });
  });
}

async function ask(base, method, path, body) {
  const url = new URL(`${base}/${path}`);
  const headers = { 'content-type': 'application/json' };
  if (url.username) headers.authorization = `Basic ${btoa(`${url.username}:${url.password}`)}`;
  // What a URL says of a user, fetch does not take.
  Object.assign(url, { username: '', password: '' });
  const response = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}

async function until(base) {
  for (let attempts = 0; ; attempts++) {
    try {
      return await ask(base, 'GET', '');
    } catch (error) {
      if (attempts > 600) throw error;
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }
}

async function seconds(work) {
  const started = performance.now();
  const answer = await work();
  return [(performance.now() - started) / 1000, answer];
}

/** One server from its start to its end: how long each part took, and what it answered. */
async function measure(command) {
  const port = await freePort();
  const given = command?.(port);
  const server = given && spawn(given[0], given.slice(1), { stdio: 'ignore', cwd: folder });
  const base = server ? `http://127.0.0.1:${port}` : process.env.COUCHDB_URL;
  try {
    await until(base);
    await ask(base, 'PUT', 'bench');
    const [load] = await seconds(async () => {
      for (let at = 0; at < count; at += BATCH) {
        await ask(base, 'POST', 'bench/_bulk_docs', { docs: loaded.slice(at, at + BATCH) });
      }
    });
    await ask(base, 'PUT', 'bench/_design/d', design);
    const view = 'bench/_design/d/_view';
    const [build, all] = await seconds(() => ask(base, 'GET', `${view}/compound`));
    const [reduce, sums] = await seconds(() => ask(base, 'GET', `${view}/by_status?group=true`));
    const [queries, found] = await seconds(async () => {
      const answers = [];
      for (let n = 0; n < QUERIES; n++) {
        const key = encodeURIComponent(JSON.stringify(all.rows[n * 37 % all.rows.length].key));
        answers.push((await ask(base, 'GET', `${view}/compound?key=${key}&limit=10`)).rows);
      }
      return answers;
    });
    return { times: { load, build, reduce, queries }, answers: [all.rows, sums.rows, found] };
  } finally {
    if (server) {
      server.kill();
      await new Promise(resolve => server.once('exit', resolve));
    } else {
      await ask(base, 'DELETE', 'bench');
    }
  }
}

console.log(`${count.toLocaleString('en')} documents, the best of ${ROUNDS} rounds, in seconds`);
console.log(`${' '.repeat(16)}      load  first query  reduce  ${QUERIES} queries     sum`);
let first = null;
try {
  for (const [name, command] of servers) {
    const rounds = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(await measure(command));
    const best = part => Math.min(...rounds.map(({ times }) => times[part]));
    const shown = ['load', 'build', 'reduce', 'queries'].map(best);
    shown.push(Math.min(...rounds.map(({ times }) => Object.values(times).reduce((sum, time) => sum + time))));
    console.log(name.padEnd(16), ...shown.map((time, at) => time.toFixed(2).padStart([9, 12, 7, 12, 7][at])));
    first ??= rounds[0].answers;
    assert.deepEqual(rounds[0].answers, first, `${name} answers otherwise`);
  }
  console.log('All of them answered alike.');
} finally {
  rmSync(folder, { recursive: true });
}
