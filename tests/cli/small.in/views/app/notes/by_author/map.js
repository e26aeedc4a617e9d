function (doc) {
  if (doc.type === 'note') {
    emit(doc.author, null);
  }
}
