// The page at /_utils in Chromium: what people see, do with a keyboard, and see change on save.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';
import { url as adminUrl, user } from './task.mjs';

const folder = mkdtempSync(join(tmpdir(), 'couchctl-page-'));

function save(path, text) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

save('couchctl.toml', '[databases.shop]\n');
save('views/shop/items/by_kind/map.js', 'function (doc) { emit(doc.kind, doc.price); }\n');
save('views/shop/items/by_kind/reduce', '_sum\n');
save('views/shop/items/filters/cheap.js', 'function (doc) { return doc.price < 5; }\n');
save('views/shop/items/validate_doc_update.js',
  "function (doc) { if (!doc.kind) { throw { forbidden: 'no kind' }; } }\n");
save('tests/shop/items.test.yaml', `docs:
  - { _id: apple, kind: fruit, price: 3 }
  - { _id: leek, kind: vegetable, price: 4 }
  - { _id: "<b>melon</b>", kind: fruit, price: 7 }
tests:
  - name: what each kind costs
    view: by_kind
    query: { group: true }
    expect: { rows: [{ key: fruit, value: 10 }, { key: vegetable, value: 4 }] }
  - name: there is meat
    view: by_kind
    query: { key: meat }
    expect: { rows: [{ key: null, value: 9 }] }
  - name: cheap things
    filter: cheap
    expect: { count: 2 }
  - name: a kind is needed
    validate: { new: { _id: x } }
    expect: { forbidden: no kind }
`);

const server = spawn(process.env.COUCHCTL, ['--project', folder, 'serve', '--port', '0', '--watch'],
  { stdio: ['ignore', 'pipe', 'inherit'] });
let browser = null;

try {
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: server.stdout }).once('line', resolve);
    server.once('exit', code => reject(new Error(`couchctl serve ended with ${code}`)));
  });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  await page(url);
  await login();
} finally {
  await browser?.close();
  server.kill();
  rmSync(folder, { recursive: true });
}

async function open(address) {
  const tab = await browser.newPage();
  tab.setDefaultTimeout(60_000);
  const seen = { errors: [], elsewhere: [] };
  tab.on('console', message => message.type() === 'error' && seen.errors.push(message.text()));
  tab.on('pageerror', error => seen.errors.push(String(error)));
  tab.on('request', request => {
    const { protocol, origin } = new URL(request.url());
    if (protocol !== 'data:' && origin !== address) seen.elsewhere.push(request.url());
  });
  await tab.goto(`${address}/_utils/`);
  return [tab, seen];
}

async function page(url) {
  const [tab, seen] = await open(url);
  const main = tab.getByRole('main');

  // The server: databases, and how the suites went.
  await main.getByRole('heading', { name: 'Databases' }).waitFor();
  await main.getByText('3 passed, 1 failed').waitFor();
  await accessible(tab);

  // With the keyboard alone: past the navigation, to the database, the design document, the view.
  await tab.keyboard.press('Tab');
  assert.equal(await focused(tab), 'Skip to the content');
  await follow(tab, 'shop');
  await main.getByRole('heading', { name: 'Design documents' }).waitFor();
  await main.getByText('<b>melon</b>').first().waitFor();
  assert.equal(await main.locator('b').count(), 0, 'the text of a document became an element');
  await follow(tab, 'items');
  await main.getByRole('heading', { name: 'filters: cheap' }).waitFor();
  assert.equal(await tab.title(), 'items – shop – couchctl sandbox');
  await main.getByText('return doc.price < 5').waitFor();
  await passed(main, 'cheap things');
  await passed(main, 'a kind is needed');
  await accessible(tab);
  await follow(tab, 'by_kind');

  // The view: reduced at first, then its rows.
  const rows = main.getByRole('table', { name: 'rows' });
  await rows.getByRole('cell', { name: '14' }).waitFor();
  await main.getByText('_sum').first().waitFor();
  await main.getByRole('checkbox', { name: 'reduce' }).uncheck();
  await main.getByRole('textbox', { name: 'startkey' }).fill('"vegetable"');
  await tab.keyboard.press('Enter');
  await main.getByText('1 of 3 row').waitFor();
  await rows.getByRole('cell', { name: 'leek' }).waitFor();
  await main.getByRole('textbox', { name: 'startkey' }).fill('oops');
  await main.getByRole('button', { name: 'Query' }).click();
  await main.getByRole('alert').getByText('400').waitFor();
  seen.errors.splice(0).forEach(error => assert.match(error, /400 \(Bad Request\)/));
  await main.getByRole('textbox', { name: 'startkey' }).fill('');
  await main.getByRole('checkbox', { name: 'reduce' }).check();
  await main.getByRole('checkbox', { name: 'group', exact: true }).check();
  await main.getByRole('button', { name: 'Query' }).click();
  await rows.getByRole('cell', { name: '10' }).waitFor();
  await accessible(tab);

  // Its tests, with what differs.
  await main.getByText('emit(doc.kind, doc.price)').waitFor();
  await passed(main, 'what each kind costs');
  const failure = main.getByRole('listitem').filter({ hasText: 'there is meat' });
  await failure.getByText('failed').waitFor();
  await failure.getByText('- {"key":null,"value":9}').waitFor();

  // Live: a map is saved, and rows, source and results are others; what was asked for stays.
  save('views/shop/items/by_kind/map.js', 'function (doc) { emit(doc.kind, doc.price * 2); }\n');
  await main.getByText('doc.price * 2').waitFor();
  await rows.getByRole('cell', { name: '20' }).waitFor();
  await main.getByRole('listitem').filter({ hasText: 'what each kind costs' }).getByText('failed').waitFor();
  assert.ok(await main.getByRole('checkbox', { name: 'group', exact: true }).isChecked());
  // And a document, and a suite.
  await fetch(`${url}/shop/pear`, { method: 'PUT', body: '{"kind":"fruit","price":1}' });
  await rows.getByRole('cell', { name: '22' }).waitFor();
  save('tests/shop/items.test.yaml',
    'docs: [{ _id: a, kind: x, price: 1 }]\ntests:\n  - name: doubled\n    view: by_kind\n    expect: { rows: [{ value: 2 }] }\n');
  await passed(main, 'doubled');
  // A project that cannot be read says so here too, until it can.
  save('tests/shop/items.test.yaml', 'tests: [');
  await main.getByRole('alert').getByText('items.test.yaml').waitFor();
  save('tests/shop/items.test.yaml',
    'tests:\n  - name: nothing\n    view: by_kind\n    expect: { count: 0 }\n');
  await main.getByText('nothing').waitFor();

  // Fast: the page and a query are there in a moment.
  const started = Date.now();
  await tab.reload();
  await rows.getByRole('cell').first().waitFor();
  const took = Date.now() - started;
  assert.ok(took < 5000, `the page took ${took} ms`);

  // A narrow window needs no scrolling sideways.
  await tab.setViewportSize({ width: 320, height: 600 });
  assert.ok(await tab.evaluate(() => document.documentElement.scrollWidth <= innerWidth));

  assert.deepEqual(seen, { errors: [], elsewhere: [] });
  await tab.close();
}

/** Where there is an admin, the page asks for a name and a password. */
async function login() {
  const [tab, seen] = await open(adminUrl);
  const main = tab.getByRole('main');
  await main.getByLabel('Name').fill(user.username);
  await main.getByLabel('Password').fill('wrong');
  await tab.keyboard.press('Enter');
  await tab.getByRole('status').getByText('wrong').waitFor();
  await accessible(tab);
  await main.getByLabel('Password').fill(user.password);
  await tab.keyboard.press('Enter');
  await tab.getByRole('navigation').getByRole('link', { name: 'cloudai', exact: true }).click();
  await main.getByRole('heading', { name: 'Design documents' }).waitFor();
  seen.errors.forEach(error => assert.match(error, /401 \(Unauthorized\)/));
  assert.deepEqual(seen.elsewhere, []);
  await tab.close();
}

async function passed(main, name) {
  await main.getByRole('listitem').filter({ hasText: name }).getByText('passed').waitFor();
}

function focused(tab) {
  return tab.evaluate(() => document.activeElement.textContent);
}

/** Goes to a link with the Tab key and follows it. */
async function follow(tab, name) {
  await tab.getByRole('navigation').getByRole('link', { name, exact: true }).waitFor();
  for (let presses = 0; presses < 60; presses++) {
    await tab.keyboard.press('Tab');
    if (await focused(tab) === name) {
      await tab.keyboard.press('Enter');
      return;
    }
  }
  throw new Error(`no link ${name} can be reached with the keyboard`);
}

/** Landmarks, one first heading, names for everything that can be used, headers for all columns. */
async function accessible(tab) {
  for (const role of ['banner', 'navigation', 'main', 'status']) {
    assert.equal(await tab.getByRole(role).count(), 1, role);
  }
  assert.equal(await tab.getByRole('heading', { level: 1 }).count(), 1);
  const faults = await tab.evaluate(() => {
    const nameless = [...document.querySelectorAll('a, button, input, select, textarea, table, nav, pre')]
      .filter(element => !(element.labels?.length || element.ariaLabel || element.textContent.trim()));
    const unlabelled = [...document.querySelectorAll('th')].filter(header => header.scope !== 'col');
    const ids = [...document.querySelectorAll('[id]')].map(element => element.id);
    const twice = ids.filter((id, place) => ids.indexOf(id) !== place);
    return [...nameless, ...unlabelled].map(element => element.outerHTML).concat(twice,
      document.documentElement.lang ? [] : ['no language']);
  });
  assert.deepEqual(faults, []);
}
