function (doc) {
  // Unix seconds: texts with different offsets or fractions do not sort by time, numbers do.
  if (doc.type === 'reservation') {
    var expiry = require('views/lib/time').unixSeconds(doc.expires_at);
    if (expiry !== null) {
      emit(expiry, null);
    }
  }
}
