// The month of a moment in Unix seconds, in UTC, as [year, month] with January as 1.
exports.month = function (unixSeconds) {
  var date = new Date(unixSeconds * 1000);
  return [date.getUTCFullYear(), date.getUTCMonth() + 1];
};
