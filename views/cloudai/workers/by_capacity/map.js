function (doc) {
  // [cores, megabytes]. A worker that does not say how much memory is free sorts before those
  // that do.
  if (doc.type === 'worker' && typeof doc.free_cpu === 'number') {
    emit([doc.free_cpu, typeof doc.free_mem === 'number' ? doc.free_mem : null], null);
  }
}
