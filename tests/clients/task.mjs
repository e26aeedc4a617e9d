// Where the sandbox is, and a document that the CloudAI project's validation lets through.

const { COUCHDB_URL, COUCHDB_USER, COUCHDB_PASSWORD } = process.env;

export const url = COUCHDB_URL;
export const user = { username: COUCHDB_USER, password: COUCHDB_PASSWORD };

export function task(name, members = {}) {
  return {
    _id: `task:${name}`, type: 'task', status: 'pending', priority: 5, task_type: 'cpu-light',
    cpu_req: 1, mem_mb: 512, ...members,
  };
}
