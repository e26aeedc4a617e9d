// Runs couchctl and other engines over the same documents, on one core, and compares what they answer
// byte for byte. See README.md.

import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { documents } from './documents.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const repository = join(here, '../..');
const count = Number(process.env.DOCUMENTS ?? 100_000);
const couchctl = process.env.COUCHCTL ?? join(repository, 'target/release/couchctl');
const folder = mkdtempSync(join(tmpdir(), 'couchctl-compare-'));
const pinned = spawnSync('taskset', ['--version']).status === 0 ? ['taskset', '-c', '0'] : [];
if (pinned.length === 0) console.error('no taskset: the engines may use several cores');

/**
 * Runs a program with a file as its input and another for its output; gives the seconds of processor time
 * it took, its own and the system's, which depend little on what else the machine does.
 */
function timed(program, given, input, output, environment = {}) {
  const stdin = openSync(input, 'r');
  const stdout = openSync(output, 'w');
  const command = ['-c', 'TIMEFORMAT="%U %S"; time "$@"', 'bash', ...pinned, program, ...given];
  const { status, signal, error, stderr } = spawnSync('bash', command, {
    stdio: [stdin, stdout, 'pipe'],
    env: { ...process.env, LC_ALL: 'C', ...environment },
    encoding: 'utf8',
  });
  closeSync(stdin);
  closeSync(stdout);
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} ended with ${status ?? signal}: ${stderr}`);
  const [user, system] = stderr.trim().split('\n').pop().split(' ').map(Number);
  return user + system;
}

/** The best of three, since the machine may be busy with something else. */
function best(run) {
  return Math.min(run(), run(), run());
}

function report(name, seconds, note = '') {
  const rate = Math.round(count / seconds).toLocaleString('en').padStart(10);
  console.log(`  ${name.padEnd(26)} ${seconds.toFixed(2).padStart(7)} s ${rate} documents/s  ${note}`);
}

const texts = [...documents(count)];
const file = join(folder, 'documents.ndjson');
writeFileSync(file, texts.join('\n') + '\n');
const size = Math.round(texts.join('').length / count);
console.log(`${count.toLocaleString('en')} documents of ${size} bytes`);

const engines = [
  ['couchctl query-server', couchctl, ['query-server']],
  ['node', process.execPath, [join(here, 'node.mjs')]],
  ['couchjs (SpiderMonkey)', process.env.COUCHJS, []],
  ['couchjs (QuickJS)', process.env.COUCHJS_QUICKJS, []],
].filter(([name, program]) => {
  if (program && existsSync(program)) return true;
  console.log(`  not found: ${name}`);
  return false;
});

for (const map of ['simple', 'fields', 'compound']) {
  console.log(`${map}.js`);
  const source = readFileSync(join(here, `${map}.js`), 'utf8').trim();

  // Start to finish: reading the file, mapping, sorting, and the first row of the answer.
  const project = join(folder, map);
  mkdirSync(join(project, 'views/db/d/v'), { recursive: true });
  writeFileSync(join(project, 'views/db/d/v/map.js'), source);
  const answer = join(folder, `${map}.answer`);
  const given = ['--project', project, 'query', 'db/d/v', file, '--format', 'json', '--limit', '1'];
  report('couchctl query', best(() => timed(couchctl, given, file, answer)), 'sorted and queried');
  const total = JSON.parse(readFileSync(answer, 'utf8')).total_rows;

  const lines = join(folder, `${map}.lines`);
  const commands = [['reset'], ['add_fun', source]].map((line) => JSON.stringify(line));
  writeFileSync(lines, [...commands, ...texts.map((text) => `["map_doc",${text}]`)].join('\n') + '\n');
  let first;
  for (const [name, program, parameters] of engines) {
    const output = join(folder, 'output');
    const all = name === 'node' ? [...parameters, lines] : parameters;
    const seconds = best(() => timed(program, all, lines, output));
    const answers = readFileSync(output);
    first ??= answers;
    report(name, seconds, answers.equals(first) ? 'same bytes' : 'OTHER BYTES');
    if (!answers.equals(first)) process.exitCode = 1;
  }

  if (process.env.POUCHDB) {
    const output = join(folder, 'output');
    timed(process.execPath, [join(here, 'pouchdb.mjs'), process.env.POUCHDB, file, join(here, `${map}.js`)], file, output);
    const { seconds, rows } = JSON.parse(readFileSync(output, 'utf8'));
    report('PouchDB in memory', seconds, rows === total ? 'as many rows' : `${rows} ROWS, NOT ${total}`);
  }
}

console.log('couchctl test, start to finish, on this repository');
const output = join(folder, 'output');
const start = best(() => timed(couchctl, ['--project', repository, 'test'], '/dev/null', output));
console.log(`  ${(start * 1000).toFixed(0)} ms`);
rmSync(folder, { recursive: true });
