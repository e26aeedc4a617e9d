//! The command line as its users see it: `tests/cli/*.trycmd` hold commands with what they print and
//! end with. After a change that is meant, `TRYCMD=overwrite cargo test --test cli` writes them anew.

#[test]
fn the_command_line_is_as_recorded() {
    trycmd::TestCases::new()
        .case("tests/cli/*.trycmd")
        .env("COLUMNS", "100")
        .env("NO_COLOR", "1")
        // Where tests run says nothing about the projects in them.
        .env("CI", "")
        .env("COUCHDB_URL", "")
        .env("COUCHDB_USER", "")
        .env("COUCHDB_PASSWORD", "")
        .env("COUCHDB_DATABASE", "")
        .run();
}
