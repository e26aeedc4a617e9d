function (doc) {
  if (
    doc.type === 'plan_history' &&
    typeof doc.recorded_unix === 'number' &&
    typeof doc.cost === 'number' &&
    typeof doc.planning_time_sec === 'number'
  ) {
    // One set of statistics for each of the two numbers.
    emit(require('views/lib/calendar').month(doc.recorded_unix), [doc.cost, doc.planning_time_sec]);
  }
}
