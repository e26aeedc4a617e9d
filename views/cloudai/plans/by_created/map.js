function (doc) {
  if (doc.type === 'plan' && typeof doc.created_unix === 'number') {
    emit(doc.created_unix, null);
  }
}
