function (doc) {
  if (doc.type === 'assignment' && doc.status === 'running' && typeof doc.worker_id === 'string') {
    emit(doc.worker_id, null);
  }
}
