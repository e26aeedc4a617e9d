module.exports = function (keys, values, rereduce) {
  // Sums instead of means, because sums of parts can be added up again. With them:
  //   bias = error_sum / count, mean absolute error = absolute_sum / count,
  //   root mean square error = sqrt(square_sum / count).
  var total = { count: 0, error_sum: 0, absolute_sum: 0, square_sum: 0, absolute_max: 0 };
  values.forEach(function (value) {
    var part = value;
    if (!rereduce) {
      var absolute = Math.abs(value);
      part = {
        count: 1,
        error_sum: value,
        absolute_sum: absolute,
        square_sum: value * value,
        absolute_max: absolute
      };
    }
    total.count += part.count;
    total.error_sum += part.error_sum;
    total.absolute_sum += part.absolute_sum;
    total.square_sum += part.square_sum;
    total.absolute_max = Math.max(total.absolute_max, part.absolute_max);
  });
  return total;
};
