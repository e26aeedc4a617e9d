//! Asking a server what a plan needs to know, in as few requests as its API allows: one for a database that
//! is as the project wants it (`_design_docs`), one more where the project has a `_security` object or a partitioned
//! database; details only of what changes.

use futures_util::{StreamExt, TryFutureExt, future, stream};

use super::plan::{
    DatabasePlan, Options, Plan, PushRecord, RECORD_ID, ServerDatabase, ServerDesign, Target,
    fingerprint,
};
use super::target::Loaded;
use crate::json::Value;
use crate::project::Database;
use crate::server::{Meaning, RemoteDatabase, Server, ServerError};

/// A plan, and the databases that could not be planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// The plan of the other databases, sorted by name.
    pub plan: Plan,
    /// What went wrong, sorted by name.
    pub failed: Vec<Failed>,
}

/// A database that could not be planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Failed {
    /// Its name.
    pub database: String,
    /// Why.
    pub error: ServerError,
}

/// Plans databases of a project, at most `jobs` of them at a time. A database with a `match` stands for all
/// databases of the server that it finds and that the project does not name otherwise.
///
/// # Errors
/// When the server does not tell which databases it has. What goes wrong in one database is no error of
/// the others.
pub async fn survey(
    server: &Server,
    loaded: &[Loaded<'_>],
    options: Options,
    jobs: usize,
) -> Result<Survey, ServerError> {
    let names = names(server, loaded).await?;
    let planned = names.into_iter().map(|(target, name)| async move {
        let remote = server.database(&name);
        (name, plan_database(&remote, target, options).await)
    });
    let mut planned: Vec<_> = stream::iter(planned).buffer_unordered(jobs.max(1)).collect().await;
    planned.sort_by(|(left, _), (right, _)| left.cmp(right));
    let (mut databases, mut failed) = (Vec::new(), Vec::new());
    for (database, outcome) in planned {
        match outcome {
            Ok(plan) => databases.push(plan),
            Err(error) => failed.push(Failed { database, error }),
        }
    }
    let targets: Vec<Target<'_>> = loaded.iter().map(Loaded::target).collect();
    let plan = Plan { options, fingerprint: fingerprint(&targets), databases };
    Ok(Survey { plan, failed })
}

/// The names of the server's databases that each database of the project stands for.
async fn names<'a>(
    server: &Server,
    loaded: &'a [Loaded<'_>],
) -> Result<Vec<(Target<'a>, String)>, ServerError> {
    let asks =
        |loaded: &Loaded<'_>| loaded.database.config.matches.is_some() && loaded.only.is_none();
    let all = if loaded.iter().any(asks) { server.all_databases().await? } else { Vec::new() };
    let named = |name: &str| {
        loaded
            .iter()
            .any(|other| other.database.config.matches.is_none() && other.database.name == name)
    };
    let mut names: Vec<(Target<'a>, String)> = Vec::new();
    for one in loaded {
        let found: Vec<String> = match (&one.only, &one.database.config.matches) {
            (Some(only), _) => vec![only.clone()],
            (None, None) => vec![one.database.name.clone()],
            (None, Some(_)) => {
                let finds = |name: &&String| one.database.config.finds(name) && !named(name);
                all.iter().filter(finds).cloned().collect()
            }
        };
        // Of two patterns that find the same name, the first one has it.
        let new = found.into_iter().filter(|name| !names.iter().any(|(_, other)| other == name));
        let new: Vec<_> = new.map(|name| (one.target(), name)).collect();
        names.extend(new);
    }
    Ok(names)
}

/// Plans one database.
///
/// # Errors
/// When the server cannot be asked. A database that does not exist is none.
pub async fn plan_database(
    remote: &RemoteDatabase,
    target: Target<'_>,
    options: Options,
) -> Result<DatabasePlan, ServerError> {
    let mut server = match basics(remote, target).await {
        Ok(server) => server,
        Err(error) if error.means(Meaning::NoDatabase) => ServerDatabase::missing(remote.name()),
        Err(error) => return Err(error),
    };
    let plan = DatabasePlan::new(target, &server, options);
    if !server.exists || plan.designs.iter().all(|design| !design.status.is_action()) {
        return Ok(plan);
    }
    details(remote, &plan, &mut server).await?;
    Ok(DatabasePlan::new(target, &server, options))
}

/// What every plan needs.
async fn basics(
    remote: &RemoteDatabase,
    target: Target<'_>,
) -> Result<ServerDatabase, ServerError> {
    let security = async {
        match target.security {
            Some(_) => remote.security().await.map(Some),
            None => Ok(None),
        }
    };
    let partitioned = async {
        if cares_for_partitions(target.database) {
            remote.info().await.map(|info| Some(info.props.partitioned))
        } else {
            Ok(None)
        }
    };
    let (documents, security, partitioned) =
        future::try_join3(remote.design_documents(), security, partitioned).await?;
    Ok(ServerDatabase {
        name: remote.name().to_owned(),
        exists: true,
        partitioned,
        doc_count: None,
        security,
        designs: documents
            .into_iter()
            .filter_map(|document| ServerDesign::from_document(document).ok())
            .collect(),
        record: None,
    })
}

fn cares_for_partitions(database: &Database) -> bool {
    let option = |body: &crate::json::Map<String, Value>| {
        body.get("options").is_some_and(|options| options.get("partitioned").is_some())
    };
    database.config.partitioned || database.designs.iter().any(|design| option(&design.body))
}

/// What only matters where something changes.
async fn details(
    remote: &RemoteDatabase,
    plan: &DatabasePlan,
    server: &mut ServerDatabase,
) -> Result<(), ServerError> {
    let indexes = future::try_join_all(
        plan.indexes_at_stake()
            .map(|id| remote.index_info(id).map_ok(|info| (id.to_owned(), info))),
    );
    let attachments = future::try_join_all(
        plan.open_attachments()
            .map(|id| remote.document_with_attachments(id).map_ok(|found| (id.to_owned(), found))),
    );
    let (info, record, indexes, attachments) =
        future::try_join4(remote.info(), remote.document(RECORD_ID), indexes, attachments).await?;
    server.doc_count = Some(info.doc_count);
    server.partitioned = Some(info.props.partitioned);
    server.record = record.as_ref().and_then(PushRecord::from_document);
    for (id, info) in indexes {
        if let Some(design) = server.designs.iter_mut().find(|design| design.id == id) {
            design.index = Some(info);
        }
    }
    for (id, found) in attachments {
        let fetched = found.and_then(|document| ServerDesign::from_document(document).ok());
        let current = server.designs.iter_mut().find(|design| design.id == id);
        // Of a document that changed meanwhile, the first answer counts: the push will see a conflict.
        if let (Some(fetched), Some(current)) = (fetched, current)
            && fetched.rev == current.rev
        {
            current.body = fetched.body;
        }
    }
    Ok(())
}
