//! What pushes, warmings, clean-ups and rollbacks do.
