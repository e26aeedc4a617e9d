function (doc) {
  // [worker, start]: what a worker was given, in the order it started. Not started yet: null.
  if (doc.type === 'assignment' && typeof doc.worker_id === 'string') {
    emit([doc.worker_id, typeof doc.start_unix === 'number' ? doc.start_unix : null], null);
  }
}
