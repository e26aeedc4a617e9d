function (doc) {
  // A deadline of 0 stands for "none".
  if (doc.type === 'task' && typeof doc.deadline_unix === 'number' && doc.deadline_unix > 0) {
    emit(doc.deadline_unix, null);
  }
}
