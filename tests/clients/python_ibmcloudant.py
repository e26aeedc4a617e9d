"""PyPI `ibmcloudant`: with a session, and with basic authentication."""

import io
import os

from ibm_cloud_sdk_core import ApiException
from ibm_cloud_sdk_core.authenticators import BasicAuthenticator
from ibmcloudant import CouchDbSessionAuthenticator
from ibmcloudant.cloudant_v1 import CloudantV1, Document

NAME, PASSWORD = os.environ["COUCHDB_USER"], os.environ["COUCHDB_PASSWORD"]
TASK = {
    "type": "task",
    "status": "pending",
    "priority": 5,
    "task_type": "cpu-light",
    "cpu_req": 1,
    "mem_mb": 512,
}


def client(authenticator):
    service = CloudantV1(authenticator=authenticator)
    service.set_service_url(os.environ["COUCHDB_URL"])
    return service


def status_of(call):
    try:
        call()
    except ApiException as error:
        return error.status_code
    return None


def check(service, name):
    """Goes once through the life of a document, called after how the client logs in."""
    document = f"task:{name}"
    put = service.put_document(db="cloudai", doc_id=document, document=Document(**TASK)).get_result()
    assert put["ok"] and put["rev"].startswith("1-"), put
    got = service.get_document(db="cloudai", doc_id=document).get_result()
    assert got["status"] == "pending", got

    def pending():
        answer = service.post_view(db="cloudai", ddoc="tasks", view="by_status", key="pending")
        return [row["id"] for row in answer.get_result()["rows"]]

    assert document in pending()
    conflict = status_of(
        lambda: service.put_document(db="cloudai", doc_id=document, document=Document(**TASK))
    )
    assert conflict == 409, conflict
    forbidden = status_of(
        lambda: service.post_document(
            db="cloudai", document={"_id": f"{document}-lost", **TASK, "status": "lost"}
        )
    )
    assert forbidden == 403, forbidden
    got["status"] = "running"
    put = service.put_document(db="cloudai", doc_id=document, document=got).get_result()
    assert document not in pending()
    counts = service.post_view(
        db="cloudai", ddoc="tasks", view="count_by_status", group=True, keys=["pending", "running"]
    ).get_result()["rows"]
    assert counts[0]["value"] == len(pending()), counts
    changes = service.post_changes(db="cloudai", filter="_doc_ids", doc_ids=[document]).get_result()
    assert [row["id"] for row in changes["results"]] == [document], changes
    found = service.post_find(db="cloudai", selector={"_id": document}, fields=["status"])
    assert found.get_result()["docs"] == [{"status": "running"}]
    service.delete_document(db="cloudai", doc_id=document, rev=put["rev"])
    assert status_of(lambda: service.get_document(db="cloudai", doc_id=document)) == 404


session = client(CouchDbSessionAuthenticator(NAME, PASSWORD))
assert session.get_session_information().get_result()["userCtx"]["name"] == NAME
check(session, "session")
check(client(BasicAuthenticator(NAME, PASSWORD)), "basic")
wrong = client(BasicAuthenticator(NAME, "wrong"))
assert status_of(wrong.get_all_dbs) == 401

session.put_database(db="ibmcloudant")
session.put_attachment(
    db="ibmcloudant",
    doc_id="doc",
    attachment_name="bytes.bin",
    attachment=io.BytesIO(b"\x00\x01\xff"),
    content_type="application/octet-stream",
)
got = session.get_attachment(db="ibmcloudant", doc_id="doc", attachment_name="bytes.bin")
assert got.get_result().content == b"\x00\x01\xff"
documents = [{"_id": f"{n:04}", "n": n} for n in range(500)]
saved = session.post_bulk_docs(db="ibmcloudant", bulk_docs={"docs": documents}).get_result()
assert len(saved) == 500 and all(entry["ok"] for entry in saved)
listed = session.post_all_docs(db="ibmcloudant", start_key="0490", include_docs=True, limit=20)
assert [row["doc"]["n"] for row in listed.get_result()["rows"][:10]] == list(range(490, 500))
session.delete_database(db="ibmcloudant")
