function (doc) {
  function amount(value) {
    return typeof value === 'number' ? value : 0;
  }
  if (doc.type === 'worker' && typeof doc.status === 'string') {
    emit(doc.status, {
      free_cpu: amount(doc.free_cpu),
      free_gpus: amount(doc.free_gpus),
      free_mem: amount(doc.free_mem),
      gpus: amount(doc.gpus),
      total_cpu: amount(doc.total_cpu),
      total_mem: amount(doc.total_mem),
      workers: 1
    });
  }
}
