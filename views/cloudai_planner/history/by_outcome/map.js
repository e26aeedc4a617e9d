function (doc) {
  // [outcome, time]: group_level=1 counts, a range of one outcome lists it in order of time.
  if (doc.type === 'plan_history' && typeof doc.outcome === 'string') {
    emit([doc.outcome, doc.recorded_unix], null);
  }
}
