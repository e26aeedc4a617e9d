module.exports = function (newDoc) {
  // A schema can bound each member on its own, but cannot compare two of them.
  if (newDoc._deleted || newDoc.type !== 'worker') {
    return;
  }
  [
    { free: 'free_cpu', total: 'total_cpu', unit: 'cores' },
    { free: 'free_mem', total: 'total_mem', unit: 'MB' },
    { free: 'free_gpus', total: 'gpus', unit: 'GPUs' }
  ].forEach(function (pair) {
    var free = newDoc[pair.free];
    var total = newDoc[pair.total];
    if (free === undefined) {
      return;
    }
    if (total === undefined) {
      throw { forbidden: pair.free + ' needs ' + pair.total + ' beside it' };
    }
    if (typeof free !== 'number' || typeof total !== 'number') {
      throw { forbidden: pair.free + ' and ' + pair.total + ' must be numbers' };
    }
    if (free > total) {
      throw {
        forbidden:
          pair.free + ' must not exceed ' + pair.total +
          ': ' + free + ' of ' + total + ' ' + pair.unit
      };
    }
  });
};
