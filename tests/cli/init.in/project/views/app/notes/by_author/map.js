/** @param {app.Document} doc */
module.exports = function (doc) {
  if (doc.type === 'note') {
    emit(doc.author, null);
  }
};
