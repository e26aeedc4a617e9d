function (doc) {
  // The queue: read it with descending=true, the most urgent task comes first.
  if (doc.type === 'task' && doc.status === 'pending' && typeof doc.priority === 'number') {
    emit(doc.priority, null);
  }
}
