// The documents of benches/views.rs, one JSON text per line: about 300 bytes each.

const STATUS = ['pending', 'scheduled', 'running', 'completed', 'failed', 'cancelled'];

export function* documents(count) {
  for (let n = 0; n < count; n++) {
    yield `{"_id":"task:${String(n).padStart(8, '0')}","_rev":"1-967a00dff5e02add41819138abb3284d",` +
      `"type":"${n % 10 === 0 ? 'worker' : 'task'}","status":"${STATUS[n % 6]}","priority":${n % 11},` +
      `"cpu_req":${n % 8}.5,"mem_mb":${256 * (1 + (n % 64))},"tenant":"tenant-${n % 100}",` +
      `"tags":["a${n % 5}","b","c"],"created":"2024-0${1 + (n % 9)}-1${n % 10}T08:00:00Z",` +
      `"labels":{"zone":"eu-${n % 3}","team":"core"},"command":["run","--job","${n}"]}`;
  }
}
