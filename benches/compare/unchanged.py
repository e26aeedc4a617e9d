"""Pushes the views of folders `<design document>/views/<view>/map.js` with couchdb-python's own
`ViewDefinition.sync_many`: python unchanged.py URL DATABASE FOLDER"""

import pathlib
import sys

import couchdb
from couchdb.design import ViewDefinition

url, name, folder = sys.argv[1:]
server = couchdb.Server(url)
database = server[name] if name in server else server.create(name)
views = [
    ViewDefinition(path.parts[-4], path.parts[-2], path.read_text().strip())
    for path in sorted(pathlib.Path(folder).glob("*/views/*/map.js"))
]
ViewDefinition.sync_many(database, views, remove_missing=True)
