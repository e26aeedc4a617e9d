function (doc) {
  // What was not asked for, or is no number, weighs nothing.
  function amount(value) {
    return typeof value === 'number' ? value : 0;
  }
  if (doc.type === 'task' && typeof doc.status === 'string') {
    emit([doc.status, amount(doc.priority)], {
      cpu_req: amount(doc.cpu_req),
      disk_mb: amount(doc.disk_mb),
      gpu_req: amount(doc.gpu_req),
      mem_mb: amount(doc.mem_mb),
      tasks: 1
    });
  }
}
