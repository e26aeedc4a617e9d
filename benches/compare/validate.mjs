// Checks a million task documents of CloudAI against their schema with `couchctl validate` and with ajv:
// on one core, then with two. See README.md.

import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const repository = join(here, '../..');
const count = Number(process.env.DOCUMENTS ?? 1_000_000);
const couchctl = process.env.COUCHCTL ?? join(repository, 'target/release/couchctl');
if (!process.env.AJV) {
  console.error('AJV must name a folder with ajv: npm install --prefix FOLDER ajv@8 ajv-formats@3');
  process.exit(2);
}

const STATUS = ['pending', 'scheduled', 'running', 'completed', 'failed', 'cancelled'];

function* documents() {
  for (let n = 0; n < count; n++) {
    yield `{"_id":"task:${String(n).padStart(8, '0')}","_rev":"1-967a00dff5e02add41819138abb3284d",` +
      `"type":"task","status":"${STATUS[n % 6]}","priority":${n % 101},"cpu_req":${n % 8}.5,` +
      `"mem_mb":${256 * (1 + (n % 64))},"gpu_req":${n % 3},"task_type":"render-${n % 17}",` +
      `"estimated_sec":${n % 4000}.25,"deadline_unix":${1_750_000_000 + n},` +
      `"meta":{"owner":"user ${n % 1000}","project":"a project with a name of ${n % 97}"}}`;
  }
}

const folder = mkdtempSync(join(tmpdir(), 'couchctl-validate-'));
const file = join(folder, 'documents.ndjson');
const output = openSync(file, 'w');
let text = '';
for (const document of documents()) {
  text += `${document}\n`;
  if (text.length > 1 << 20) {
    writeSync(output, text);
    text = '';
  }
}
writeSync(output, text);
closeSync(output);

/** Runs a program; gives its seconds and the most memory it took, in MB. */
function run(command, environment = {}) {
  const started = process.hrtime.bigint();
  const child = spawn(command[0], command.slice(1), {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...environment },
  });
  let memory = 0;
  const look = () => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      memory = Math.max(memory, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1000);
    } catch {
      // It has ended, or there is no such folder on this system.
    }
  };
  const timer = setInterval(look, 20);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (status) => {
      clearInterval(timer);
      const seconds = Number(process.hrtime.bigint() - started) / 1e9;
      if (status === 0) resolve({ seconds, memory });
      else reject(new Error(`${command.join(' ')} ended with ${status}`));
    });
  });
}

/** The best of three, since the machine may be busy with something else. */
async function report(name, command, environment) {
  let best = await run(command, environment);
  for (let again = 0; again < 2; again++) {
    const other = await run(command, environment);
    if (other.seconds < best.seconds) best = other;
  }
  const rate = Math.round(count / best.seconds).toLocaleString('en').padStart(10);
  const memory = best.memory.toFixed(0);
  console.log(`  ${name.padEnd(20)} ${best.seconds.toFixed(2).padStart(6)} s ${rate} documents/s  ${memory} MB`);
  return best.seconds;
}

const schema = join(repository, 'schemas/cloudai/task.schema.json');
const ajv = [process.execPath, join(here, 'ajv.js'), schema, file];
const environment = { NODE_PATH: join(process.env.AJV, 'node_modules') };
const ours = (jobs) => [couchctl, '--project', repository, 'validate', '--database', 'cloudai', '-j', `${jobs}`, file];
const cores = (list) =>
  spawnSync('taskset', ['--version']).status === 0 ? ['taskset', '-c', list] : [];

for (const [jobs, list] of [[1, '0'], [2, '0,1']]) {
  console.log(jobs === 1 ? 'one core' : 'two cores');
  const theirs = await report('ajv', [...cores(list), ...ajv], environment);
  const us = await report('couchctl validate', [...cores(list), ...ours(jobs)], {});
  console.log(`  ${(theirs / us).toFixed(2)} times as fast`);
}
rmSync(folder, { recursive: true });
