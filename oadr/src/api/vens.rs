//! `/api/v1/vens`.
//!
//! Knows nothing of how a command reaches a VEN.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use oadr_core::value::{GroupId, ResourceId, Text, VenId};
use oadr_core::vtn::{Assignment, Claim, Command, JidChange, SignatureChange};
use oadr_core::{BareJid, CertificateId, SignaturePolicy};
use serde::{Deserialize, Deserializer, Serialize};

use super::body::{self, read_as};
use super::problem::Problem;
use super::views::VenView;
use super::{Caller, to_the_end};
use crate::store::Audit;
use crate::vtn::{Host, Slot};

#[derive(Debug, Serialize)]
pub(super) struct List {
    vens: Vec<VenView>,
}

/// A VEN that an operator makes known.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewVen {
    ven_name: Text,
    ven_id: Option<VenId>,
    #[serde(default)]
    groups: Vec<GroupId>,
    #[serde(default)]
    resources: Vec<ResourceId>,
    #[serde(default)]
    certificates: Vec<CertificateId>,
    signatures: Option<SignaturePolicy>,
    /// Its XMPP account.
    jid: Option<BareJid>,
}

/// What an operator changes about a VEN: a list becomes another one, or some leave it and others come
/// in. What is not named stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    #[serde(default, deserialize_with = "named")]
    groups: Option<Vec<GroupId>>,
    #[serde(default)]
    add_groups: Vec<GroupId>,
    #[serde(default)]
    remove_groups: Vec<GroupId>,
    #[serde(default, deserialize_with = "named")]
    resources: Option<Vec<ResourceId>>,
    #[serde(default)]
    add_resources: Vec<ResourceId>,
    #[serde(default)]
    remove_resources: Vec<ResourceId>,
    #[serde(default, deserialize_with = "named")]
    certificates: Option<Vec<CertificateId>>,
    #[serde(default)]
    add_certificates: Vec<CertificateId>,
    #[serde(default)]
    remove_certificates: Vec<CertificateId>,
    /// `null` is what the configuration says.
    #[serde(default, deserialize_with = "named")]
    signatures: Option<Option<SignaturePolicy>>,
    /// `null` is none.
    #[serde(default, deserialize_with = "named")]
    jid: Option<Option<BareJid>>,
}

/// `null` is no list: it could mean an empty one as well as none.
fn named<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

pub(super) async fn list(State(host): State<Arc<Host>>) -> Json<List> {
    let slots = host.registry.all();
    Json(List {
        vens: slots.iter().filter_map(|slot| view(&host, slot)).collect(),
    })
}

pub(super) async fn show(
    State(host): State<Arc<Host>>,
    Path(id): Path<String>,
) -> Result<Json<VenView>, Problem> {
    let slot = find(&host, &id)?;
    view(&host, &slot).map(Json).ok_or_else(|| unknown(&id))
}

pub(super) async fn enrol(
    State(host): State<Arc<Host>>,
    caller: Caller,
    body::Json(body): body::Json,
) -> Result<Response, Problem> {
    let detail = body.to_string();
    let new: NewVen = read_as(body)?;
    if new.ven_name.is_empty() {
        return Err(Problem::invalid("ven_name", "must not be empty"));
    }
    if new.ven_id.as_ref().is_some_and(VenId::is_empty) {
        return Err(Problem::invalid("ven_id", "must not be empty"));
    }
    require_ids("groups", &new.groups, GroupId::is_empty)?;
    require_ids("resources", &new.resources, ResourceId::is_empty)?;
    let name = new.ven_name.clone();
    let command = Command::Enrol {
        ven_name: new.ven_name,
        ven_id: new.ven_id,
        groups: new.groups,
        resources: new.resources,
        certificates: new.certificates,
        signatures: new.signatures,
        jid: new.jid,
    };
    let audit = caller.audit("enrol", name.as_str(), Some(detail));
    carry_out(&host, None, command, audit).await?;
    let slot = find(&host, name.as_str())?;
    let view = view(&host, &slot).ok_or_else(|| unknown(name.as_str()))?;
    let place = format!("/api/v1/vens/{}", segment(name.as_str()));
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(view)).into_response())
}

pub(super) async fn modify(
    State(host): State<Arc<Host>>,
    caller: Caller,
    Path(id): Path<String>,
    body::Json(body): body::Json,
) -> Result<Json<VenView>, Problem> {
    let slot = find(&host, &id)?;
    let detail = body.to_string();
    let patch: Patch = read_as(body)?;
    require_ids("add_groups", &patch.add_groups, GroupId::is_empty)?;
    require_ids("add_resources", &patch.add_resources, ResourceId::is_empty)?;
    if let Some(groups) = &patch.groups {
        require_ids("groups", groups, GroupId::is_empty)?;
    }
    if let Some(resources) = &patch.resources {
        require_ids("resources", resources, ResourceId::is_empty)?;
    }
    let command = Command::Assign {
        groups: assignment(
            "groups",
            patch.groups,
            patch.add_groups,
            patch.remove_groups,
        )?,
        resources: assignment(
            "resources",
            patch.resources,
            patch.add_resources,
            patch.remove_resources,
        )?,
        certificates: assignment(
            "certificates",
            patch.certificates,
            patch.add_certificates,
            patch.remove_certificates,
        )?,
        signatures: match patch.signatures {
            None => SignatureChange::Keep,
            Some(None) => SignatureChange::AsConfigured,
            Some(Some(policy)) => SignatureChange::Own(policy),
        },
        jid: match patch.jid {
            None => JidChange::Keep,
            Some(None) => JidChange::Remove,
            Some(Some(jid)) => JidChange::Is(jid),
        },
    };
    let audit = caller.audit("modify", &id, Some(detail));
    carry_out(&host, Some(Arc::clone(&slot)), command, audit).await?;
    view(&host, &slot).map(Json).ok_or_else(|| unknown(&id))
}

pub(super) async fn remove(
    State(host): State<Arc<Host>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let slot = find(&host, &id)?;
    let audit = caller.audit("remove", &id, None);
    carry_out(&host, Some(Arc::clone(&slot)), Command::Remove, audit).await?;
    Ok(match view(&host, &slot) {
        // It is told at its next poll or by a push.
        Some(view) => (StatusCode::ACCEPTED, Json(view)).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

pub(super) async fn reregister(
    State(host): State<Arc<Host>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let slot = find(&host, &id)?;
    let audit = caller.audit("reregister", &id, None);
    let command = Command::RequestReregistration;
    carry_out(&host, Some(Arc::clone(&slot)), command, audit).await?;
    let view = view(&host, &slot).ok_or_else(|| unknown(&id))?;
    Ok((StatusCode::ACCEPTED, Json(view)).into_response())
}

/// What the members of a patch about one list come to.
fn assignment<T>(
    name: &str,
    exactly: Option<Vec<T>>,
    add: Vec<T>,
    remove: Vec<T>,
) -> Result<Assignment<T>, Problem> {
    match exactly {
        None => Ok(Assignment::Change { add, remove }),
        Some(list) if add.is_empty() && remove.is_empty() => Ok(Assignment::Exactly(list)),
        Some(_) => {
            let both = "is the whole list: what is to come in and to leave is said without it";
            Err(Problem::invalid(name, both))
        }
    }
}

/// Nothing can be meant by an ID without a letter.
fn require_ids<T>(name: &str, ids: &[T], is_empty: fn(&T) -> bool) -> Result<(), Problem> {
    match ids.iter().position(is_empty) {
        None => Ok(()),
        Some(at) => Err(Problem::invalid(
            format!("{name}[{at}]"),
            "must not be empty",
        )),
    }
}

pub(super) async fn carry_out(
    host: &Arc<Host>,
    slot: Option<Arc<Slot>>,
    command: Command,
    audit: Audit,
) -> Result<(), Problem> {
    let host = Arc::clone(host);
    to_the_end(async move { Ok(host.command(slot, &command, audit).await?) }).await
}

pub(super) fn view(host: &Host, slot: &Slot) -> Option<VenView> {
    let ven = slot.current()?;
    Some(VenView::new(&ven, slot.heard(), &host.trust.peers))
}

/// A VEN by its ID, its name, one of its certificates or its JID.
pub(super) fn find(host: &Host, id: &str) -> Result<Arc<Slot>, Problem> {
    look_up(host, id)?.ok_or_else(|| unknown(id))
}

/// The same, if there is such a VEN.
pub(super) fn look_up(host: &Host, id: &str) -> Result<Option<Arc<Slot>>, Problem> {
    if let Some(slot) = host.registry.find(&claims_of(id)) {
        return Ok(Some(slot));
    }
    let mut named = host.registry.named(id).into_iter();
    match (named.next(), named.next()) {
        (found, None) => Ok(found),
        (_, Some(_)) => {
            let id = crate::logging::cut(id);
            let several =
                format!("several VENs have the name {id}: take the ID of the one you mean");
            Err(Problem::conflict(several))
        }
    }
}

/// What a VEN of this ID, name, certificate or JID holds.
fn claims_of(id: &str) -> Vec<Claim> {
    let certificate = id.parse().ok().map(|id| match id {
        CertificateId::Hash(hash) => Claim::Certificate(hash),
        CertificateId::Fingerprint(fingerprint) => Claim::Fingerprint(fingerprint),
    });
    let claims = [
        VenId::new(id).ok().map(Claim::VenId),
        Text::new(id).ok().map(Claim::VenName),
        certificate,
        id.parse().ok().map(Claim::Jid),
    ];
    claims.into_iter().flatten().collect()
}

pub(super) fn unknown(id: &str) -> Problem {
    let id = crate::logging::cut(id);
    Problem::not_found(format!("there is no VEN with the ID or the name {id}"))
}

/// A text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
