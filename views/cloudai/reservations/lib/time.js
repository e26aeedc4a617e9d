// RFC 3339, which is stricter than what Date.parse takes, and the same in every engine.
var RFC_3339 =
  /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(\.\d+)?(Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/i;

// The moment `text` names in seconds since 1970, with its fraction, or null if it names none.
exports.unixSeconds = function (text) {
  var parts = typeof text === 'string' ? RFC_3339.exec(text) : null;
  if (!parts) {
    return null;
  }
  var year = Number(parts[1]);
  var month = Number(parts[2]) - 1;
  var day = Number(parts[3]);
  var midnight = new Date(Date.UTC(year, month, day));
  // The 30th of February rolls over into March, and the year 49 into 1949.
  if (
    midnight.getUTCFullYear() !== year ||
    midnight.getUTCMonth() !== month ||
    midnight.getUTCDate() !== day
  ) {
    return null;
  }
  var offset = 0;
  if (parts[9]) {
    offset = (Number(parts[10]) * 60 + Number(parts[11])) * (parts[9] === '-' ? -60 : 60);
  }
  return (
    midnight.getTime() / 1000 +
    Number(parts[4]) * 3600 +
    Number(parts[5]) * 60 +
    Number(parts[6]) +
    Number(parts[7] || 0) -
    offset
  );
};
