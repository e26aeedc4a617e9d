function (doc) {
  if (doc.type !== 'task') {
    return;
  }
  var day = new Date(doc.created);
  emit([doc.tenant, day.getUTCFullYear(), day.getUTCMonth() + 1], doc.cpu_req);
  for (var i = 0; i < doc.tags.length; i++) {
    emit(['tag', doc.tags[i].toUpperCase(), doc.status.substr(0, 3)], { n: i, mem: doc.mem_mb / 1024 });
  }
  if (doc.labels && doc.labels.zone) {
    emit(['zone', doc.labels.zone.split('-')[1], doc.priority], null);
  }
}
