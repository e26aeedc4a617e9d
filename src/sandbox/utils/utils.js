'use strict';

// Everything shown comes from the sandbox's own CouchDB interface, except for the results of suites,
// which are in /_utils/tests. Texts of documents only ever become text nodes.

const PARAMETERS = [
  ['key', 'json'], ['startkey', 'json'], ['endkey', 'json'], ['keys', 'json'],
  ['limit', 'number'], ['skip', 'number'], ['group_level', 'number'],
  ['descending', 'flag'], ['group', 'flag'], ['include_docs', 'flag'], ['reduce', 'flag'],
];
const ROWS = 100;

// The members of a design document that hold functions, and how suites call them.
const FUNCTIONS = {
  filters: 'filter', updates: 'update', shows: 'show', lists: 'list', indexes: 'search', nouveau: 'search',
};

const content = document.getElementById('content');
let events = null;
let drawn = 0;

/** An element with attributes and children; what is no element becomes text. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(attribute, value);
    else if (value === true) made.setAttribute(attribute, '');
    else if (value !== false && value != null) made.setAttribute(attribute, value);
  }
  made.append(...children.flat(Infinity).filter(child => child != null && child !== false));
  return made;
}

function status(text) {
  document.getElementById('status').textContent = text;
}

async function get(path) {
  const response = await fetch(path, { headers: { accept: 'application/json' } });
  const body = await response.json();
  if (!response.ok) {
    throw Object.assign(new Error(`${response.status} ${body.error}: ${body.reason}`), { status: response.status });
  }
  return body;
}

/** A path below the server, every part encoded. `_design` and the like stay what they are. */
function path(...parts) {
  return '/' + parts.map(encodeURIComponent).join('/');
}

function link(...parts) {
  return '#' + path(...parts);
}

function code(value) {
  return element('code', {}, value === undefined ? '' : JSON.stringify(value));
}

function source(text) {
  return element('pre', { tabindex: '0' }, element('code', {}, text));
}

function table(caption, columns, rows) {
  if (rows.length === 0) return element('p', {}, `No ${caption}.`);
  return element('div', { class: 'scroll' }, element('table', { 'aria-label': caption },
    element('thead', {}, element('tr', {}, columns.map(column =>
      element('th', { scope: 'col' }, column)))),
    element('tbody', {}, rows.map(row =>
      element('tr', {}, row.map(cell => element('td', {}, cell)))))));
}

function problem(text) {
  return element('p', { class: 'bad', role: 'alert' }, text);
}

/** The cases that test a function, of a design document's suites. */
function cases(report, database, designName, kind, fn = null) {
  return suites(report, database, designName).flatMap(suite => suite.cases
    .filter(found => found.kind === kind && found.function === fn)
    .map(found => ({ ...found, file: suite.file })));
}

function suites(report, database, designName) {
  return ((report && report.suites) || [])
    .filter(suite => suite.database === database && suite.design === designName);
}

/** What the suites say of a function, below its source. */
function results(report, found, findings = []) {
  if (!report || report.problems) return [];
  if (found.length + findings.length === 0) return [element('p', { class: 'faint' }, 'No case tests this.')];
  return [element('ul', { class: 'cases', 'aria-label': 'Test results' },
    found.map(test => element('li', {},
      verdict(test.verdict), ' ', test.name, ' ',
      element('span', { class: 'faint' }, test.reason || `${test.file}:${test.line}`),
      test.failures.map(failure => [
        element('p', {}, failure.message),
        failure.diff && diff(failure.diff),
        failure.hint && element('p', { class: 'faint' }, failure.hint),
      ].filter(Boolean)).flat(),
      test.log.length > 0 && element('details', {}, element('summary', {}, 'Log'), source(test.log.join('\n'))))),
    findings.map(finding => element('li', {},
      verdict(finding.level), ' ', element('code', {}, finding.code), ' ', finding.message,
      finding.details.length > 0 && source(finding.details.join('\n')))))];
}

function verdict(text) {
  const kind = { passed: 'good', updated: 'good', failed: 'bad', error: 'bad' }[text] || 'faint';
  return element('strong', { class: kind }, text);
}

function diff(lines) {
  const kinds = { '-': 'bad', '+': 'good' };
  return element('pre', { tabindex: '0', 'aria-label': 'Expected (-) and actual (+)' }, lines.map(line =>
    element('code', { class: kinds[line[0]] || false }, `${line}\n`)));
}

/** The suites in a line, with a link to what failed. */
function summary(report) {
  if (!report) return [element('p', { class: 'faint' }, 'No suites have been run here.')];
  if (report.problems) {
    return [element('div', { role: 'alert' }, report.problems.map(found =>
      element('p', { class: 'bad' }, found.hint ? `${found.message} (${found.hint})` : found.message)))];
  }
  const isGood = report.failed + report.errors === 0;
  const failing = report.suites.filter(suite => suite.cases.some(test => test.verdict === 'failed')
    || suite.findings.some(finding => finding.level === 'error'));
  return [
    element('p', {}, 'Suites: ',
      element('strong', { class: isGood ? 'good' : 'bad' }, isGood ? 'passed' : 'failed'),
      ` (${report.passed} passed, ${report.failed} failed, ${report.skipped} skipped, `,
      `${report.warnings} warnings, ${report.errors} broken laws)`),
    failing.length > 0 && element('ul', {}, failing.map(suite => element('li', {},
      element('a', { href: link(suite.database, '_design', suite.design) }, `${suite.database}/${suite.design}`)))),
  ];
}

async function designs(database) {
  const listing = await get(path(database, '_design_docs') + '?include_docs=true');
  return listing.rows.map(row => row.doc);
}

function name(design) {
  return design._id.slice('_design/'.length);
}

function views(design) {
  return Object.entries(design.views || {}).filter(([view]) => view !== 'lib');
}

/** The databases with their design documents and views, at the side. */
async function tree(current) {
  const names = (await get('/_all_dbs')).filter(database => !database.startsWith('_'));
  const items = await Promise.all(names.map(async database => {
    const found = await designs(database);
    return element('li', {}, entry(database, current, database), element('ul', {}, found.map(design =>
      element('li', {}, entry(name(design), current, database, '_design', name(design)),
        element('ul', {}, views(design).map(([view]) => element('li', {},
          entry(view, current, database, '_design', name(design), '_view', view))))))));
  }));
  return items;
}

function entry(text, current, ...parts) {
  const target = link(...parts);
  return element('a', { href: target, 'aria-current': target === current ? 'page' : false }, text);
}

async function serverPage() {
  const [names, report] = await Promise.all([get('/_all_dbs'), get('tests')]);
  const infos = await Promise.all(names.map(database => get(path(database))));
  return [
    element('h2', {}, 'Tests'),
    ...summary(report),
    element('h2', {}, 'Databases'),
    table('databases', ['Name', 'Documents', 'Update sequence'], infos.map(info => [
      element('a', { href: link(info.db_name) }, info.db_name),
      String(info.doc_count),
      String(info.update_seq).split('-')[0],
    ])),
  ];
}

async function databasePage(database) {
  const [found, listing] = await Promise.all([
    designs(database),
    get(path(database, '_all_docs') + `?include_docs=true&limit=${ROWS}`),
  ]);
  return [
    element('h2', {}, database),
    element('h3', {}, 'Design documents'),
    table('design documents', ['Name', 'Views', 'Revision'], found.map(design => [
      element('a', { href: link(database, '_design', name(design)) }, name(design)),
      String(views(design).length),
      code(design._rev),
    ])),
    element('h3', {}, `Documents (the first ${ROWS})`),
    table('documents', ['Id', 'Document'], listing.rows
      .filter(row => !row.id.startsWith('_design/'))
      .map(row => [row.id, code(row.doc)])),
  ];
}

async function designPage(database, designName) {
  const [design, info, report] = await Promise.all([
    get(path(database, '_design', designName)),
    get(path(database, '_design', designName, '_info')),
    get('tests'),
  ]);
  const index = info.view_index;
  const tested = (kind, fn) => results(report, cases(report, database, designName, kind, fn));
  const sections = [
    element('h2', {}, designName),
    element('p', {}, 'Index ', element('code', {}, index.signature), ', ',
      `${index.updates_pending.total} updates pending.`),
    ...(!report || report.problems ? summary(report) : []),
    element('h3', {}, 'Views'),
    table('views', ['View', 'Reduce', 'Cases'], views(design).map(([view, definition]) => [
      element('a', { href: link(database, '_design', designName, '_view', view) }, view),
      code(definition.reduce && definition.reduce.startsWith('_') ? definition.reduce
        : definition.reduce ? 'JavaScript' : undefined),
      count(cases(report, database, designName, 'view', view), findingsOf(report, database, designName, view)),
    ])),
  ];
  if (design.validate_doc_update) {
    sections.push(element('h3', {}, 'validate_doc_update'), source(design.validate_doc_update),
      ...tested('validate'));
  }
  for (const [member, kind] of Object.entries(FUNCTIONS)) {
    for (const [fn, value] of Object.entries(design[member] || {})) {
      const text = typeof value === 'string' ? value : value.index || JSON.stringify(value, null, 2);
      sections.push(element('h3', {}, `${member}: ${fn}`), source(text), ...tested(kind, fn));
    }
  }
  if (design.rewrites) {
    const rewrites = design.rewrites;
    sections.push(element('h3', {}, 'rewrites'),
      source(typeof rewrites === 'string' ? rewrites : JSON.stringify(rewrites, null, 2)));
  }
  return sections;
}

/** What the laws of views found at a view. A finding may be about several views that share a function. */
function findingsOf(report, database, designName, view) {
  return suites(report, database, designName).flatMap(suite => suite.findings)
    .filter(finding => finding.view.split(/`?, `?/).includes(view) || finding.view === designName);
}

/** How many cases there are of a view, and how many failed. */
function count(found, findings) {
  const failed = found.filter(test => test.verdict === 'failed').length
    + findings.filter(finding => finding.level === 'error').length;
  if (failed > 0) return element('strong', { class: 'bad' }, `${failed} failed`);
  return found.length > 0 ? element('span', { class: 'good' }, `${found.length} passed`) : '';
}

async function viewPage(database, designName, view) {
  const [design, report] = await Promise.all([get(path(database, '_design', designName)), get('tests')]);
  const definition = (design.views || {})[view];
  if (!definition) throw new Error(`there is no view ${view}`);
  const answer = element('section', { 'aria-live': 'polite', 'aria-label': 'Answer' });
  const base = path(database, '_design', designName, '_view', view);
  const form = parameterForm(definition, query => showAnswer(answer, base + query));
  const tests = results(report, cases(report, database, designName, 'view', view),
    findingsOf(report, database, designName, view));
  const sections = [
    element('h2', {}, `${designName} / ${view}`),
    form,
    answer,
    element('h3', {}, 'map'),
    source(typeof definition.map === 'string' ? definition.map
      : JSON.stringify(definition.map, null, 2)),
  ];
  if (definition.reduce) sections.push(element('h3', {}, 'reduce'), source(definition.reduce));
  sections.push(element('h3', {}, 'Tests'), ...(tests.length > 0 ? tests : summary(report)));
  return sections;
}

function parameterForm(definition, ask) {
  const fields = PARAMETERS
    .filter(([parameter]) => definition.reduce || !/^(reduce|group)/.test(parameter))
    .map(([parameter, kind]) => {
      if (kind === 'flag') {
        const box = element('input', { type: 'checkbox', name: parameter, checked: parameter === 'reduce' });
        return element('label', { class: 'flag' }, box, parameter);
      }
      const attributes = kind === 'number'
        ? { type: 'number', min: '0', value: parameter === 'limit' ? ROWS : null }
        : { type: 'text', placeholder: 'JSON', spellcheck: 'false', autocomplete: 'off' };
      return element('label', {}, parameter, element('input', { ...attributes, name: parameter }));
    });
  return element('form', {
    submit(event) {
      event.preventDefault();
      const query = new URLSearchParams();
      for (const input of event.target.elements) {
        if (input.type === 'checkbox') {
          if (input.name === 'reduce' ? !input.checked : input.checked) {
            query.set(input.name, String(input.checked));
          }
        } else if (input.name && input.value !== '') {
          query.set(input.name, input.value);
        }
      }
      ask(`?${query}`);
    },
  }, fields, element('button', {}, 'Query'));
}

async function showAnswer(answer, url) {
  const started = performance.now();
  const shown = [element('p', {}, element('a', { href: url }, element('code', {}, url)))];
  try {
    const body = await get(url);
    const milliseconds = Math.round(performance.now() - started);
    const total = body.total_rows === undefined ? '' : ` of ${body.total_rows}`;
    shown.push(element('p', {}, `${body.rows.length}${total} ${body.rows.length === 1 ? 'row' : 'rows'} in ${milliseconds} ms`));
    const columns = ['id', 'key', 'value', 'doc']
      .filter(column => body.rows.some(row => row[column] !== undefined));
    shown.push(table('rows', columns, body.rows.map(row => columns.map(column =>
      column === 'id' ? row.id : code(row[column])))));
  } catch (error) {
    shown.push(problem(error.message));
  }
  answer.replaceChildren(...shown);
}

/** Draws again when the database changes, and when the suites have been run. */
function follow(database) {
  if (events) events.close();
  events = new EventSource('events' + (database ? `?database=${encodeURIComponent(database)}` : ''));
  let timer = 0;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(draw, 100);
  };
  events.addEventListener('database', later);
  events.addEventListener('tests', later);
}

/** What a form holds and where one is in it, for when a view is drawn again. */
function remember() {
  const form = content.querySelector('form');
  if (!form) return null;
  const inputs = [...form.elements];
  return {
    inputs: inputs.map(input => [input.name, input.value, input.checked]),
    focused: inputs.indexOf(document.activeElement),
    selection: [document.activeElement.selectionStart, document.activeElement.selectionEnd],
    answer: content.querySelector('section'),
  };
}

function restore(known) {
  const form = content.querySelector('form');
  if (!known || !form || form.elements.length !== known.inputs.length) return;
  for (const [place, [name, value, checked]] of known.inputs.entries()) {
    const input = form.elements[place];
    if (input.name === name) Object.assign(input, input.type === 'checkbox' ? { checked } : { value });
  }
  if (known.answer) content.querySelector('section').replaceChildren(...known.answer.childNodes);
  const focused = form.elements[known.focused];
  if (!focused) return;
  focused.focus({ preventScroll: true });
  if (focused.type === 'text') focused.setSelectionRange(...known.selection);
}

/** The link that has the focus, as a selector that finds it again when everything is drawn again. */
function focusedLink() {
  const link = document.activeElement.closest('nav a, main a');
  if (!link) return null;
  return `${link.closest('nav, main').nodeName} a[href="${CSS.escape(link.getAttribute('href'))}"]`;
}

/** Asks who it is that wants to know. */
function loginForm(message) {
  return element('form', {
    async submit(event) {
      event.preventDefault();
      const [name, password] = [...event.target.elements].map(input => input.value);
      const response = await fetch('/_session', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name, password }),
      });
      if (response.ok) visit();
      else status('Name or password is wrong.');
    },
  },
  element('p', {}, message),
  element('label', {}, 'Name', element('input', { name: 'name', autocomplete: 'username', required: true })),
  element('label', {}, 'Password', element('input', {
    name: 'password', type: 'password', autocomplete: 'current-password', required: true,
  })),
  element('button', {}, 'Log in'));
}

let drawnHash = null;

async function draw() {
  const turn = ++drawn;
  const hash = location.hash;
  const parts = hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decodeURIComponent);
  const [database, , designName, , view] = parts;
  try {
    const page = view !== undefined ? viewPage(database, designName, view)
      : designName !== undefined ? designPage(database, designName)
        : database !== undefined ? databasePage(database) : serverPage();
    const [sections, items] = await Promise.all([page, tree(link(...parts))]);
    if (turn !== drawn) return;
    const known = hash === drawnHash ? remember() : null;
    const focused = focusedLink();
    document.getElementById('databases').replaceChildren(...items);
    content.replaceChildren(...sections.filter(Boolean));
    restore(known);
    if (focused) document.querySelector(focused)?.focus({ preventScroll: true });
    drawnHash = hash;
    // A view is queried at once.
    if (view !== undefined) content.querySelector('form').requestSubmit();
    document.title = [...parts.filter(part => !/^_(design|view)$/.test(part)).reverse(), 'couchctl sandbox'].join(' – ');
    status('');
  } catch (error) {
    if (turn !== drawn) return;
    content.replaceChildren(error.status === 401 ? loginForm(error.message) : problem(error.message));
    drawnHash = null;
  }
}

function visit() {
  const database = location.hash.replace(/^#\/?/, '').split('/')[0];
  follow(database && decodeURIComponent(database));
  return draw();
}

window.addEventListener('hashchange', () => visit().then(() => content.focus({ preventScroll: true })));
visit();
