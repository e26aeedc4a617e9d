'use strict';

// Everything shown comes from the sandbox's own CouchDB interface. Texts of documents only ever
// become text nodes.

const PARAMETERS = [
  ['key', 'json'], ['startkey', 'json'], ['endkey', 'json'], ['keys', 'json'],
  ['limit', 'number'], ['skip', 'number'], ['group_level', 'number'],
  ['descending', 'flag'], ['group', 'flag'], ['include_docs', 'flag'], ['reduce', 'flag'],
];
const ROWS = 100;
const FUNCTIONS = ['filters', 'updates', 'shows', 'lists', 'indexes', 'nouveau'];

const content = document.getElementById('content');
let changes = null;
let drawn = 0;

/** An element with attributes and children; what is no element becomes text. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(attribute, value);
    else if (value === true) made.setAttribute(attribute, '');
    else if (value !== false && value != null) made.setAttribute(attribute, value);
  }
  made.append(...children.flat().filter(child => child != null));
  return made;
}

function status(text) {
  document.getElementById('status').textContent = text;
}

async function get(path) {
  const response = await fetch(path, { headers: { accept: 'application/json' } });
  const body = await response.json();
  if (!response.ok) throw new Error(`${response.status} ${body.error}: ${body.reason}`);
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
async function drawTree(current) {
  const names = (await get('/_all_dbs')).filter(database => !database.startsWith('_'));
  const items = await Promise.all(names.map(async database => {
    const found = await designs(database);
    return element('li', {}, entry(database, current, database), element('ul', {}, found.map(design =>
      element('li', {}, entry(name(design), current, database, '_design', name(design)),
        element('ul', {}, views(design).map(([view]) => element('li', {},
          entry(view, current, database, '_design', name(design), '_view', view))))))));
  }));
  document.getElementById('databases').replaceChildren(...items);
}

function entry(text, current, ...parts) {
  const target = link(...parts);
  return element('a', { href: target, 'aria-current': target === current ? 'page' : false }, text);
}

async function serverPage() {
  const names = await get('/_all_dbs');
  const infos = await Promise.all(names.map(database => get(path(database))));
  return [
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
  const [design, info] = await Promise.all([
    get(path(database, '_design', designName)),
    get(path(database, '_design', designName, '_info')),
  ]);
  const index = info.view_index;
  const sections = [
    element('h2', {}, designName),
    element('p', {}, 'Index ', element('code', {}, index.signature), ', ',
      `${index.updates_pending.total} updates pending.`),
    element('h3', {}, 'Views'),
    table('views', ['View', 'Reduce'], views(design).map(([view, definition]) => [
      element('a', { href: link(database, '_design', designName, '_view', view) }, view),
      code(definition.reduce && definition.reduce.startsWith('_') ? definition.reduce
        : definition.reduce ? 'JavaScript' : undefined),
    ])),
  ];
  if (design.validate_doc_update) {
    sections.push(element('h3', {}, 'validate_doc_update'), source(design.validate_doc_update));
  }
  for (const kind of FUNCTIONS) {
    for (const [member, value] of Object.entries(design[kind] || {})) {
      const text = typeof value === 'string' ? value : value.index || JSON.stringify(value, null, 2);
      sections.push(element('h3', {}, `${kind}: ${member}`), source(text));
    }
  }
  return sections;
}

async function viewPage(database, designName, view) {
  const design = await get(path(database, '_design', designName));
  const definition = (design.views || {})[view];
  if (!definition) throw new Error(`there is no view ${view}`);
  const answer = element('section', { 'aria-live': 'polite', 'aria-label': 'Answer' });
  const base = path(database, '_design', designName, '_view', view);
  const form = parameterForm(definition, query => showAnswer(answer, base + query));
  form.requestSubmit();
  const sections = [
    element('h2', {}, `${designName} / ${view}`),
    form,
    answer,
    element('h3', {}, 'map'),
    source(typeof definition.map === 'string' ? definition.map
      : JSON.stringify(definition.map, null, 2)),
  ];
  if (definition.reduce) sections.push(element('h3', {}, 'reduce'), source(definition.reduce));
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
    shown.push(element('p', {}, `${body.rows.length}${total} rows in ${milliseconds} ms`));
    const columns = ['id', 'key', 'value', 'doc']
      .filter(column => body.rows.some(row => row[column] !== undefined));
    shown.push(table('rows', columns, body.rows.map(row => columns.map(column =>
      column === 'id' ? row.id : code(row[column])))));
  } catch (error) {
    shown.push(element('p', { class: 'bad', role: 'alert' }, error.message));
  }
  answer.replaceChildren(...shown);
}

/** Draws again when a design document or a document of the database changes. */
function follow(database) {
  if (changes) changes.close();
  changes = null;
  if (!database) return;
  changes = new EventSource(path(database, '_changes') + '?feed=eventsource&since=now&heartbeat=20000');
  let timer = 0;
  changes.onmessage = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const form = content.querySelector('form');
      const isTyping = form && form.contains(document.activeElement);
      if (!isTyping) draw();
    }, 200);
  };
}

async function draw() {
  const turn = ++drawn;
  const parts = location.hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decodeURIComponent);
  const [database, , designName, , view] = parts;
  try {
    const page = view !== undefined ? viewPage(database, designName, view)
      : designName !== undefined ? designPage(database, designName)
        : database !== undefined ? databasePage(database) : serverPage();
    const [sections] = await Promise.all([page, drawTree(link(...parts))]);
    if (turn !== drawn) return;
    content.replaceChildren(...sections);
    status('');
  } catch (error) {
    if (turn !== drawn) return;
    content.replaceChildren(element('p', { class: 'bad', role: 'alert' }, error.message));
  }
}

function visit() {
  const database = location.hash.replace(/^#\/?/, '').split('/')[0];
  follow(database && decodeURIComponent(database));
  draw().then(() => content.focus({ preventScroll: true }));
}

window.addEventListener('hashchange', visit);
visit();
