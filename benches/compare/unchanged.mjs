// Pushes a project that is deployed already, with couchctl and with other tools, and counts what they ask
// a server. See README.md.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

const [designs, views] = [20, 5];
const here = dirname(fileURLToPath(import.meta.url));
const runs = Number(process.env.RUNS ?? 10);
const given = process.env.COUCHCTL_TEST_URL;
if (!given) {
  console.error('COUCHCTL_TEST_URL names no server, with the user and the password of an administrator');
  process.exit(2);
}
const server = new URL(given);
const folder = mkdtempSync(join(tmpdir(), 'couchctl-compare-'));
const prefix = `couchctl-compare-${randomBytes(4).toString('hex')}`;

/** Writes the design documents as the trees that all of them read. */
function write(path) {
  for (let design = 0; design < designs; design++) {
    const below = join(path, `d${design}`);
    for (let view = 0; view < views; view++) {
      const at = join(below, 'views', `v${view}`);
      mkdirSync(at, { recursive: true });
      writeFileSync(join(at, 'map.js'), `function (doc) { if (doc.n > ${design}) emit(doc.k, ${view}); }`);
    }
    writeFileSync(join(below, 'language'), 'javascript');
  }
}

/** What it asks the server for, passed on and counted. */
let asked = 0;
const agent = new Agent({ keepAlive: true });
const proxy = createServer((question, answer) => {
  asked++;
  const { method, url: path, headers } = question;
  const passed = request({ agent, host: server.hostname, port: server.port || 80, method, path, headers }, (found) => {
    answer.writeHead(found.statusCode, found.headers);
    found.pipe(answer);
  });
  question.pipe(passed);
});
await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
const counting = new URL(given);
counting.host = `127.0.0.1:${proxy.address().port}`;

/** The database of a tool. */
const named = (tool) => `${prefix}-${tool}`;

/** A URL without user and password, and the variables that couchctl takes them from. */
function couchctl(url) {
  const bare = new URL(url);
  [bare.username, bare.password] = ['', ''];
  const [user, password] = [url.username, url.password].map(decodeURIComponent);
  return { COUCHDB_URL: bare.href, COUCHDB_USER: user, COUCHDB_PASSWORD: password };
}

const program = process.env.COUCHCTL ?? join(here, '../../target/release/couchctl');
const { COUCHDB_BOOTSTRAP: bootstrap, COUCHDB_PYTHON: python } = process.env;
const sources = join(folder, 'couchctl/views', named('couchctl'));
const tools = [
  {
    name: 'couchctl', wants: program,
    run: (url) => [program, ['--project', join(folder, 'couchctl'), 'push'], couchctl(url)],
  },
  {
    name: 'bootstrap', wants: bootstrap,
    run: (url) => [process.execPath, [bootstrap, url.href.replace(/\/$/, ''), join(folder, 'bootstrap')], {}],
  },
  {
    name: 'python', wants: python,
    run: (url) => [python, [join(here, 'unchanged.py'), url.href, named('python'), sources], {}],
  },
].filter(({ name, wants }) => {
  if (wants && existsSync(wants)) return true;
  console.log(`  not found: ${name}`);
  return false;
});
if (tools[0]?.name !== 'couchctl') process.exit(2);

/** Runs a tool; gives the milliseconds it took. */
function timed(tool, url) {
  const [command, args, environment] = tool.run(url);
  return new Promise((resolve, reject) => {
    const started = process.hrtime.bigint();
    const child = spawn(command, args, {
      stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...environment },
    });
    let said = '';
    child.stderr.on('data', (text) => { said += text; });
    child.on('error', reject);
    child.on('close', (code) => {
      const took = Number(process.hrtime.bigint() - started) / 1e6;
      if (code === 0) resolve(took);
      else reject(new Error(`${tool.name} ended with ${code}: ${said}`));
    });
  });
}

/** Asks the server itself. */
async function ask(method, path) {
  const bare = new URL(path, given);
  [bare.username, bare.password] = ['', ''];
  const credentials = [server.username, server.password].map(decodeURIComponent).join(':');
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
  return (await fetch(bare, { method, headers: { authorization } })).json();
}

/** The design documents of a database, without their revisions. */
async function deployed(database) {
  const { rows } = await ask('GET', `/${database}/_design_docs?include_docs=true`);
  return rows.map(({ doc: { _rev, ...content } }) => content);
}

let failed = false;
function claim(holds, text) {
  console.log(`  ${holds ? 'holds' : 'FAILS'}: ${text}`);
  failed ||= !holds;
}

try {
  write(sources);
  writeFileSync(join(folder, 'couchctl/couchctl.toml'), `[databases.${named('couchctl')}]\ncreate = true\n`);
  write(join(folder, 'bootstrap', named('bootstrap'), '_design'));
  const { version } = await ask('GET', '/');
  console.log(`${designs} design documents of ${views} views, unchanged, CouchDB ${version}, ${runs} runs`);
  const results = {};
  for (const tool of tools) {
    tool.first = await timed(tool, server);
    asked = 0;
    await timed(tool, counting);
    tool.requests = asked;
    tool.times = [];
  }
  // In turn, since the machine may be busy with something else now and then.
  for (let run = 0; run < runs; run++) {
    for (const tool of tools) tool.times.push(await timed(tool, server));
  }
  for (const { name, first, requests, times } of tools) {
    const sorted = times.toSorted((left, right) => left - right);
    const [best, median] = [sorted[0], sorted[sorted.length >> 1]];
    results[name] = { best, median, requests };
    const shown = [best, median, first].map((took) => took.toFixed(0).padStart(6));
    console.log(`  ${name.padEnd(10)} best ${shown[0]} ms, median ${shown[1]} ms, first push ${shown[2]} ms, ${requests} requests`);
  }
  const [own, ...others] = await Promise.all(tools.map(({ name }) => deployed(named(name))));
  claim(own.length === designs && others.every((other) => isDeepStrictEqual(other, own)), 'all left equal design documents');
  claim(results.couchctl.requests <= 3, 'couchctl asks at most 3 times');
  if (results.bootstrap) {
    const ratio = results.bootstrap.best / results.couchctl.best;
    claim(ratio >= 5, `couchctl is 5 times as fast as couchdb-bootstrap: ${ratio.toFixed(1)} times`);
  }
  if (results.python) {
    const ratio = results.python.best / results.couchctl.best;
    claim(ratio > 1, `couchctl is faster than couchdb-python: ${ratio.toFixed(1)} times`);
  }
} finally {
  for (const { name } of tools) await ask('DELETE', `/${named(name)}`);
  proxy.close();
  agent.destroy();
  proxy.closeAllConnections();
  rmSync(folder, { recursive: true });
}
process.exitCode = failed ? 1 : 0;
