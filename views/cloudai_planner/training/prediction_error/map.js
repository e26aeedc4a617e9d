module.exports = function (doc) {
  // Above 0: the task took longer than predicted. Only samples that carry a prediction count.
  if (
    doc.type === 'training_sample' &&
    typeof doc.task_type === 'string' &&
    typeof doc.predicted_sec === 'number' &&
    typeof doc.actual_sec === 'number'
  ) {
    emit([doc.task_type, doc.worker_id], doc.actual_sec - doc.predicted_sec);
  }
};
