"""PyPI `CouchDB`: the calls of CouchDB's oldest client for Python."""

import os
from urllib.parse import urlsplit

import couchdb

URL = urlsplit(os.environ["COUCHDB_URL"])
SERVER = couchdb.Server(f"{URL.scheme}://{URL.netloc}/")
SERVER.resource.credentials = (os.environ["COUCHDB_USER"], os.environ["COUCHDB_PASSWORD"])

TASK = {
    "type": "task",
    "status": "pending",
    "priority": 5,
    "task_type": "cpu-light",
    "cpu_req": 1,
    "mem_mb": 512,
}

assert SERVER.version().startswith("3.")
database = SERVER["cloudai"]

# Put, get, view.
database["task:python"] = dict(TASK)
task = database["task:python"]
assert task["status"] == "pending"
rows = list(database.view("tasks/by_status", key="pending"))
assert "task:python" in [row.id for row in rows]
assert {row.key for row in rows} == {"pending"}
counts = {row.key: row.value for row in database.view("tasks/count_by_status", group=True)}
assert counts["pending"] == len(rows)

# Conflicts, and what the validation function refuses.
try:
    database.save({"_id": "task:python", **TASK})
    raise AssertionError("saved over a document without its revision")
except couchdb.ResourceConflict:
    pass
try:
    database.save({"_id": "task:python-lost", **TASK, "status": "lost"})
    raise AssertionError("saved a task with an unknown status")
except couchdb.http.Forbidden:
    pass

task["status"] = "running"
database.save(task)
assert "task:python" in [row.id for row in database.view("tasks/by_status", key="running")]

# Documents in bulk, views with documents and in pieces, changes.
saved = database.update([{"_id": f"task:python-{n}", **TASK} for n in range(25)])
assert all(ok for ok, _, _ in saved)
with_documents = database.view("tasks/by_status", key="pending", include_docs=True)
assert all(row.doc["status"] == "pending" for row in with_documents)
pieces = list(database.iterview("tasks/by_status", 10, key="pending"))
assert [row.id for row in pieces] == [row.id for row in database.view("tasks/by_status", key="pending")]
assert "task:python-7" in [change["id"] for change in database.changes()["results"]]

# Attachments, in a database of their own.
files = SERVER.create("python")
identifier, _ = files.save({"_id": "doc"})
files.put_attachment(files["doc"], b"\x00\x01\xff", "bytes.bin", "application/octet-stream")
assert files.get_attachment("doc", "bytes.bin").read() == b"\x00\x01\xff"
SERVER.delete("python")
assert "python" not in SERVER

for identifier in ["task:python", *(f"task:python-{n}" for n in range(25))]:
    del database[identifier]
