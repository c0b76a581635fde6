//! `oadr vens`: VENs through the operator API.
//!
//! Knows nothing of how they register.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use hyper::Method;
use oadr_core::value::{GroupId, ResourceId, Text, VenId};
use serde_json::{Map, Value};

use super::api_client::{ApiArgs, ApiClient, Format};
use super::api_error::Error;
use super::certificate_flags::{EnrolledFlags, ModifiedFlags};
use super::opts_view;
use super::refusals_view;
use super::table::{self, printable};
use super::ven_view;
use crate::api::segment;

/// List, show, enrol and remove VENs
#[derive(Debug, Args)]
#[command(after_help = "\
The commands talk to the operator API of a running `oadr vtn`. Where that is: --api or OADR_API.
They are recorded there under your user name. A VEN is named by its name, its ID or the fingerprint of
its certificate or its JID.

Examples:
  oadr vens list
  oadr vens enrol house --group north --resource boiler
  oadr vens enrol --certificate pki/house.pem --certificate pki/plant.pem
  oadr vens modify house --add-group pilot
  oadr vens show house")]
pub(crate) struct VensArgs {
    #[command(flatten)]
    api: ApiArgs,

    #[command(subcommand)]
    command: VensCommand,
}

/// What to do with VENs.
#[derive(Debug, Subcommand)]
enum VensCommand {
    /// List VENs
    #[command(after_help = "\
STATUS is known (enrolled, not registered), registered, or leaving (removed, and not told yet).")]
    List,
    /// Show a VEN: its registration, and the reports it offers
    Show(Named),
    /// Show the opts of a VEN: those that count, and those that ended
    Opts(Named),
    Enrol(Enrol),
    Modify(Modify),
    /// Remove a VEN; one that is registered is told at its next poll or by a push
    Remove(Named),
    /// Ask a VEN to register again, at its next poll or by a push
    Reregister(Named),
    /// List the groups and the VENs in each
    Groups,
    /// List the peers that were refused lately, and why
    #[command(after_help = "\
Kept since the VTN started, the latest 200: failed TLS connections, certificates that no VEN has,
XMPP accounts that no VEN has, signatures that do not count, and VENs that are not who they say. The same again is one entry.")]
    Refused,
}

/// One VEN.
#[derive(Debug, Args)]
struct Named {
    /// The VEN's name or ID
    #[arg(value_name = "VEN", value_parser = NonEmptyStringValueParser::new())]
    ven: String,
}

/// Make a VEN known, so that it may register
///
/// Over TLS nobody is this VEN without one of the certificates that are named here, and over XMPP without
/// the account. A fingerprint will do until the certificate is seen. A VEN for which nothing is named
/// registers with its name alone, and that only over plain HTTP.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  oadr vens enrol house
  oadr vens enrol house --certificate house.pem --signatures required
  oadr vens enrol house --fingerprint A9:F8:93:E8:84:32:55:D1:4E:D6
  oadr vens enrol house --certificate house.pem --jid house@xmpp.example
  oadr vens enrol --certificate pki/house.pem --certificate pki/plant.pem
  oadr vens enrol house --id ven-17 --group north --group pilot --resource boiler")]
struct Enrol {
    /// Its name, with which it registers; not needed with --certificate
    #[arg(value_name = "NAME", required_unless_present = "certificates")]
    name: Option<Text>,

    /// Its ID [default: drawn when it registers]
    #[arg(long, value_name = "ID", requires = "name")]
    id: Option<VenId>,

    /// A group that it belongs to, for targets; repeatable
    #[arg(long = "group", value_name = "GROUP_ID")]
    groups: Vec<GroupId>,

    /// A resource of its, for targets; repeatable
    #[arg(long = "resource", value_name = "RESOURCE_ID")]
    resources: Vec<ResourceId>,

    #[command(flatten)]
    proof: EnrolledFlags,
}

/// Change the groups, resources, certificates and XMPP account of a VEN, and whether it signs; what is not
/// named stays as it is
///
/// Events follow: with its next poll, or by a push, the VEN gets those whose targets match it now, and a
/// cancellation of those that do so no more. A certificate that is removed is refused at once; add the new
/// one before you remove the old one, and the VEN can change over whenever it likes.
#[derive(Debug, Args)]
#[command(after_help = "\
Resources that the VEN made known itself, with the reports it offers, are not among these: they come
and go with what it offers.

Examples:
  oadr vens modify house --add-group pilot --remove-group north
  oadr vens modify house --group north --no-resources
  oadr vens modify house --add-certificate house-2027.pem
  oadr vens modify house --remove-certificate house-2026.pem
  oadr vens modify house --jid house@xmpp.example
  oadr vens modify house --signatures required")]
struct Modify {
    /// The VEN's name or ID
    #[arg(value_name = "VEN", value_parser = NonEmptyStringValueParser::new())]
    ven: String,

    /// A group of those that it belongs to from now on, and to no others; repeatable
    #[arg(
        long = "group",
        value_name = "GROUP_ID",
        conflicts_with_all = ["add_groups", "remove_groups", "no_groups"]
    )]
    groups: Vec<GroupId>,

    /// A group that it joins; repeatable
    #[arg(long = "add-group", value_name = "GROUP_ID")]
    add_groups: Vec<GroupId>,

    /// A group that it leaves; repeatable
    #[arg(long = "remove-group", value_name = "GROUP_ID")]
    remove_groups: Vec<GroupId>,

    /// It leaves all groups
    #[arg(long, conflicts_with_all = ["add_groups", "remove_groups"])]
    no_groups: bool,

    /// A resource of those that it has from now on, and no others; repeatable
    #[arg(
        long = "resource",
        value_name = "RESOURCE_ID",
        conflicts_with_all = ["add_resources", "remove_resources", "no_resources"]
    )]
    resources: Vec<ResourceId>,

    /// A resource that it gets; repeatable
    #[arg(long = "add-resource", value_name = "RESOURCE_ID")]
    add_resources: Vec<ResourceId>,

    /// A resource that it loses; repeatable
    #[arg(long = "remove-resource", value_name = "RESOURCE_ID")]
    remove_resources: Vec<ResourceId>,

    /// It loses all resources
    #[arg(long, conflicts_with_all = ["add_resources", "remove_resources"])]
    no_resources: bool,

    #[command(flatten)]
    proof: ModifiedFlags,
}

impl VensArgs {
    /// Does it, and prints the answer.
    ///
    /// # Errors
    /// The API cannot be reached, or refuses.
    pub(crate) async fn run(self) -> Result<(), Error> {
        table::print(&self.answer().await?)
    }

    async fn answer(self) -> Result<String, Error> {
        let client = self.api.client()?;
        let (method, path, body) = match &self.command {
            VensCommand::List => (Method::GET, "/vens".to_owned(), None),
            VensCommand::Show(named) => (Method::GET, named.path(), None),
            VensCommand::Opts(named) => (Method::GET, format!("{}/opts", named.path()), None),
            // These may be several requests.
            VensCommand::Enrol(enrol) => return enrol.answer(&client, self.api.format()).await,
            VensCommand::Modify(modify) => {
                let path = format!("/vens/{}", segment(&modify.ven));
                (Method::PATCH, path, Some(modify.body()?))
            }
            VensCommand::Groups => (Method::GET, "/groups".to_owned(), None),
            VensCommand::Refused => (Method::GET, "/refusals".to_owned(), None),
            VensCommand::Remove(named) => (Method::DELETE, named.path(), None),
            VensCommand::Reregister(named) => {
                (Method::POST, format!("{}/reregister", named.path()), None)
            }
        };
        let answer = client.call(method, &path, body.as_ref()).await?;
        match (self.api.format(), self.command) {
            (Format::Json, _) | (Format::Table, VensCommand::Enrol(_)) => Ok(answer.into_text()),
            (Format::Table, VensCommand::List) => ven_view::list(&answer),
            (Format::Table, VensCommand::Show(_)) => ven_view::show(&answer),
            (Format::Table, VensCommand::Opts(_)) => opts_view::of_ven(&answer),
            (Format::Table, VensCommand::Modify(modify)) => {
                ven_view::tell_membership(&modify.ven, &answer)
            }
            (Format::Table, VensCommand::Groups) => ven_view::list_groups(&answer),
            (Format::Table, VensCommand::Refused) => refusals_view::list(&answer),
            (Format::Table, VensCommand::Remove(named)) => {
                // Without a body it is gone.
                let done = if answer.text.is_empty() {
                    "removed"
                } else {
                    "removed; it is told at its next poll or by a push"
                };
                Ok(format!("{}: {done}\n", printable(&named.ven)))
            }
            (Format::Table, VensCommand::Reregister(named)) => {
                let ven = printable(&named.ven);
                Ok(format!(
                    "{ven}: asked to register again at its next poll or by a push\n"
                ))
            }
        }
    }
}

impl Named {
    fn path(&self) -> String {
        format!("/vens/{}", segment(&self.ven))
    }
}

impl Enrol {
    /// Enrols one VEN after the other.
    async fn answer(&self, client: &ApiClient, format: Format) -> Result<String, Error> {
        let bodies = self.bodies()?;
        let is_one = bodies.len() == 1;
        let mut told = String::new();
        let mut done = Vec::new();
        for (ven, body) in bodies {
            let answer = match client.call(Method::POST, "/vens", Some(&body)).await {
                Ok(answer) => answer,
                Err(cause) if is_one => return Err(cause),
                Err(cause) => {
                    let cause = Box::new(cause);
                    return Err(Error::NotEnrolled { ven, done, cause });
                }
            };
            match format {
                Format::Json => told.push_str(&answer.into_text()),
                Format::Table => told.push_str(&ven_view::tell_enrolled(&ven, &answer)?),
            }
            done.push(ven);
        }
        Ok(told)
    }

    /// What is said of each VEN, and its name.
    fn bodies(&self) -> Result<Vec<(String, Value)>, Error> {
        let mut bodies = match &self.name {
            None => self.proof.each()?,
            Some(name) => {
                let mut body = Map::new();
                body.insert("ven_name".to_owned(), name.as_str().into());
                if let Some(id) = &self.id {
                    body.insert("ven_id".to_owned(), id.as_str().into());
                }
                self.proof.say(&mut body)?;
                vec![body]
            }
        };
        for body in &mut bodies {
            say_ids(body, "groups", &self.groups, GroupId::as_str);
            say_ids(body, "resources", &self.resources, ResourceId::as_str);
        }
        let named = bodies.into_iter().map(|body| {
            let name = body.get("ven_name").and_then(Value::as_str);
            (name.unwrap_or_default().to_owned(), body.into())
        });
        Ok(named.collect())
    }
}

impl Modify {
    fn body(&self) -> Result<Value, Error> {
        let mut body = Map::new();
        for (name, ids) in [
            ("groups", &self.groups),
            ("add_groups", &self.add_groups),
            ("remove_groups", &self.remove_groups),
        ] {
            say_ids(&mut body, name, ids, GroupId::as_str);
        }
        for (name, ids) in [
            ("resources", &self.resources),
            ("add_resources", &self.add_resources),
            ("remove_resources", &self.remove_resources),
        ] {
            say_ids(&mut body, name, ids, ResourceId::as_str);
        }
        for (name, none) in [("groups", self.no_groups), ("resources", self.no_resources)] {
            if none {
                body.insert(name.to_owned(), Value::Array(Vec::new()));
            }
        }
        self.proof.say(&mut body)?;
        if body.is_empty() {
            return Err(Error::NothingToChange);
        }
        Ok(body.into())
    }
}

fn say_ids<T>(body: &mut Map<String, Value>, name: &str, ids: &[T], text: fn(&T) -> &str) {
    if !ids.is_empty() {
        let ids: Vec<&str> = ids.iter().map(text).collect();
        body.insert(name.to_owned(), ids.into());
    }
}

#[cfg(test)]
mod tests;
