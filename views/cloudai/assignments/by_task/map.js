function (doc) {
  // A task that was retried has several rows.
  if (doc.type === 'assignment' && typeof doc.task_id === 'string') {
    emit(doc.task_id, null);
  }
}
