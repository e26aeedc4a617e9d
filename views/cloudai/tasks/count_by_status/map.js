function (doc) {
  if (doc.type === 'task' && typeof doc.status === 'string') {
    emit(doc.status, null);
  }
}
