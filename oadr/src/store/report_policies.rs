//! The report policies that operators made, all of them as one document.
//!
//! Knows nothing of what they request, nor of those in the settings.

use oadr_core::vtn::ReportPolicy;
use rusqlite::OptionalExtension as _;

use super::{Audit, Store, write_audit};
use crate::sqlite::StoreError;

/// Where they are kept in `meta`.
const NAME: &str = "report_policies";

impl Store {
    /// Every policy that an operator made, in the order in which they are applied.
    pub(crate) async fn report_policies(&self) -> Result<Vec<ReportPolicy>, StoreError> {
        self.read(|c| {
            let document: Option<String> = c
                .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
                .query_row([NAME], |row| row.get(0))
                .optional()?;
            let document = document.map(|document| serde_json::from_str(&document));
            let policies = document.transpose().map_err(StoreError::row("meta"))?;
            Ok(policies.unwrap_or_default())
        })
        .await
    }

    /// Puts these in the place of those before.
    pub(crate) async fn set_report_policies(
        &self,
        policies: &[ReportPolicy],
        audit: Audit,
    ) -> Result<(), StoreError> {
        let document = serde_json::to_string(policies).map_err(StoreError::row("meta"))?;
        self.writer
            .run(move |c| {
                c.prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")?
                    .execute((NAME, &document))?;
                write_audit(c, &audit)
            })
            .await
    }
}
