function (doc) {
  if (
    doc.type === 'training_sample' &&
    typeof doc.task_type === 'string' &&
    typeof doc.actual_sec === 'number'
  ) {
    emit(doc.task_type, doc.actual_sec);
  }
}
