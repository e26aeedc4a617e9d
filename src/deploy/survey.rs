//! Reading what a plan needs from a server, in as few requests as there can be.

use super::plan::{
    DatabasePlan, Options, PushRecord, RECORD_ID, ServerDatabase, ServerDesign, Target,
};
use crate::server::{IndexInfo, Meaning, RemoteDatabase, ServerError};

/// What a server has of a database, and what a push would do to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// What the server has.
    pub server: ServerDatabase,
    /// What a push would do.
    pub plan: DatabasePlan,
}

/// Surveys one database and plans its push: one request, and one more where the project has a
/// `_security` for it, as long as nothing differs. Where something does, what the plan shows besides
/// (documents, index sizes, who changed it last) is asked too.
///
/// # Errors
/// When the server cannot be asked.
pub async fn survey(
    database: &RemoteDatabase,
    target: Target<'_>,
    options: Options,
) -> Result<Survey, ServerError> {
    let mut server = read(database, target.security.is_some()).await?;
    let mut plan = DatabasePlan::new(target, &server, options);
    let open: Vec<String> = plan.open_attachments().map(str::to_owned).collect();
    for id in &open {
        with_attachments(database, &mut server, id).await?;
    }
    if !open.is_empty() {
        plan = DatabasePlan::new(target, &server, options);
    }
    if server.exists && !plan.is_empty() {
        details(database, &mut server, &plan).await?;
        plan = DatabasePlan::new(target, &server, options);
    }
    Ok(Survey { server, plan })
}

/// What a server has of a database: its design documents, and `_security` if wanted.
///
/// # Errors
/// When the server cannot be asked.
pub async fn read(
    database: &RemoteDatabase,
    security: bool,
) -> Result<ServerDatabase, ServerError> {
    let documents = async {
        match database.design_documents().await {
            Ok(documents) => Ok(Some(documents)),
            Err(error) if error.means(Meaning::NoDatabase) => Ok(None),
            Err(error) => Err(error),
        }
    };
    let security = async {
        if !security {
            return Ok(None);
        }
        match database.security().await {
            Ok(security) => Ok(Some(security)),
            Err(error) if error.means(Meaning::NoDatabase) => Ok(None),
            Err(error) => Err(error),
        }
    };
    let (documents, security) = futures_util::future::try_join(documents, security).await?;
    let Some(documents) = documents else { return Ok(ServerDatabase::missing(database.name())) };
    let designs =
        documents.into_iter().filter_map(|document| ServerDesign::from_document(document).ok());
    Ok(ServerDatabase {
        name: database.name().to_owned(),
        exists: true,
        security,
        designs: designs.collect(),
        ..ServerDatabase::default()
    })
}

/// What a server has of a database, attachments and `_security` included; `None` when there is no such database.
///
/// # Errors
/// When the server cannot be asked.
pub async fn read_with_attachments(
    database: &RemoteDatabase,
) -> Result<Option<ServerDatabase>, ServerError> {
    let mut server = read(database, true).await?;
    let attached = |design: &&ServerDesign| design.body.contains_key("_attachments");
    let ids: Vec<String> =
        server.designs.iter().filter(attached).map(|design| design.id.clone()).collect();
    for id in &ids {
        with_attachments(database, &mut server, id).await?;
    }
    Ok(server.exists.then_some(server))
}

async fn with_attachments(
    database: &RemoteDatabase,
    server: &mut ServerDatabase,
    id: &str,
) -> Result<(), ServerError> {
    let fetched = database.document_with_attachments(id).await?;
    let design = fetched.and_then(|document| ServerDesign::from_document(document).ok());
    if let (Some(design), Some(place)) =
        (design, server.designs.iter_mut().find(|design| design.id == id))
    {
        // Of one that changed meanwhile the first answer counts: a push will see a conflict.
        if design.rev == place.rev {
            place.body = design.body;
        }
    }
    Ok(())
}

async fn details(
    database: &RemoteDatabase,
    server: &mut ServerDatabase,
    plan: &DatabasePlan,
) -> Result<(), ServerError> {
    let info = database.info().await?;
    server.partitioned = Some(info.props.partitioned);
    server.doc_count = Some(info.doc_count);
    server.record =
        database.document(RECORD_ID).await?.as_ref().and_then(PushRecord::from_document);
    for id in plan.indexes_at_stake() {
        let index: Option<IndexInfo> = match database.index_info(id).await {
            Ok(index) => Some(index),
            // It only tells sizes: a design document that is gone by now will be seen to be.
            Err(error)
                if matches!(error.meaning(), Some(Meaning::NoDocument | Meaning::Deleted)) =>
            {
                None
            }
            Err(error) => return Err(error),
        };
        if let Some(design) = server.designs.iter_mut().find(|design| design.id == id) {
            design.index = index;
        }
    }
    Ok(())
}
