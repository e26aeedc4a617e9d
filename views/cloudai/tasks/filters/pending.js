function (doc, req) {
  // ?tenant=NAME leaves the tasks of one tenant, ?tenant= those of nobody in particular; without
  // the parameter the pending tasks of all tenants pass. A deleted task has no status any more and
  // does not pass.
  if (doc.type !== 'task' || doc.status !== 'pending') {
    return false;
  }
  var tenant = req.query.tenant;
  return tenant === undefined || tenant === (doc.tenant || '');
}
