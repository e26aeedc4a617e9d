//! Which members of a design document hold functions.

/// Whether the member at this path holds one function, as opposed to a module of `lib`, data or
/// text.
pub(crate) fn holds_function<S: AsRef<str>>(member: &[S]) -> bool {
    let names: Vec<&str> = member.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        ["views", view, "map" | "reduce"] => *view != "lib",
        ["validate_doc_update" | "rewrites"]
        | ["filters" | "updates" | "shows" | "lists" | "spatial", _]
        | ["indexes" | "nouveau" | "st_indexes", _, "index"] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_with_functions() {
        for path in [
            "validate_doc_update",
            "rewrites",
            "filters.a",
            "views.v.map",
            "views.v.reduce",
            "nouveau.i.index",
        ] {
            assert!(holds_function(&path.split('.').collect::<Vec<_>>()), "{path}");
        }
        for path in [
            "views",
            "views.lib.map",
            "views.v.options",
            "lib.a",
            "language",
            "filters.a.b",
            "views.v.map.x",
        ] {
            assert!(!holds_function(&path.split('.').collect::<Vec<_>>()), "{path}");
        }
    }
}
