function (doc) {
  function amount(value) {
    return typeof value === 'number' ? value : 0;
  }
  // [worker, expiry]: group_level=1 sums up a worker; a range from [worker, now] leaves out what
  // has expired.
  if (doc.type === 'reservation' && typeof doc.worker_id === 'string') {
    emit([doc.worker_id, require('views/lib/time').unixSeconds(doc.expires_at)], {
      cpu: amount(doc.cpu),
      gpu: amount(doc.gpu),
      mem_mb: amount(doc.mem_mb),
      reservations: 1
    });
  }
}
