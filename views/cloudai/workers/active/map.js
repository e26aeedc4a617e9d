function (doc) {
  // Sorted by the last sign of life, so the workers gone silent stand at the front.
  if (doc.type === 'worker' && doc.status === 'active') {
    emit(doc.last_seen_unix, null);
  }
}
