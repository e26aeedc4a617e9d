// A query server in node, as CouchDB's own works: it speaks the line protocol, freezes every document
// deeply, and answers with the rows of all functions. Reads a file of lines, writes to standard output.

import { readFileSync, writeSync } from 'node:fs';
import vm from 'node:vm';

let rows = [];
let functions = [];
const sandbox = vm.createContext({ emit: (key, value) => rows.push([key, value]) });

function freeze(value) {
  if (value && typeof value === 'object') {
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  }
  return value;
}

const commands = {
  reset() {
    functions = [];
    return true;
  },
  add_fun(source) {
    functions.push(vm.runInContext(`(${source})`, sandbox));
    return true;
  },
  map_doc(doc) {
    freeze(doc);
    return functions.map((map) => {
      rows = [];
      map(doc);
      return rows;
    });
  },
};

let out = '';
for (const line of readFileSync(process.argv[2], 'utf8').split('\n')) {
  if (!line) continue;
  const [name, ...given] = JSON.parse(line);
  out += JSON.stringify(commands[name](...given)) + '\n';
  if (out.length > 1 << 16) {
    writeSync(1, out);
    out = '';
  }
}
writeSync(1, out);
