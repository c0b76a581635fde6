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
its certificate.

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
    /// Remove a VEN; one that is registered is told at its next poll
    Remove(Named),
    /// Ask a VEN to register again, at its next poll
    Reregister(Named),
    /// List the groups and the VENs in each
    Groups,
    /// List the peers that were refused lately, and why
    #[command(after_help = "\
Kept since the VTN started, the latest 200: failed TLS connections, certificates that no VEN has,
signatures that do not count, and VENs that are not who they say. The same again is one entry.")]
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
/// Over TLS nobody is this VEN without one of the certificates that are named here. A fingerprint will do
/// until the certificate is seen. A VEN for which none is named registers with its name alone, and that
/// only over plain HTTP.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  oadr vens enrol house
  oadr vens enrol house --certificate house.pem --signatures required
  oadr vens enrol house --fingerprint A9:F8:93:E8:84:32:55:D1:4E:D6
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

/// Change the groups, resources and certificates of a VEN, and whether it signs; what is not named stays
/// as it is
///
/// Events follow: with its next poll the VEN gets those whose targets match it now, and a cancellation
/// of those that do so no more. A certificate that is removed is refused at once; add the new one before
/// you remove the old one, and the VEN can change over whenever it likes.
#[derive(Debug, Args)]
#[command(after_help = "\
Resources that the VEN made known itself, with the reports it offers, are not among these: they come
and go with what it offers.

Examples:
  oadr vens modify house --add-group pilot --remove-group north
  oadr vens modify house --group north --no-resources
  oadr vens modify house --add-certificate house-2027.pem
  oadr vens modify house --remove-certificate house-2026.pem
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
                    "removed; it is told at its next poll"
                };
                Ok(format!("{}: {done}\n", printable(&named.ven)))
            }
            (Format::Table, VensCommand::Reregister(named)) => {
                let ven = printable(&named.ven);
                Ok(format!("{ven}: asked to register again at its next poll\n"))
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
mod tests {
    use clap::Parser;
    use serde_json::json;

    use oadr_core::CertificateHash;

    use super::super::scripted_api::ScriptedApi;
    use super::*;
    use crate::temp_dir::TempDir;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        vens: VensArgs,
    }

    async fn answer(api: &ScriptedApi, line: &[&str]) -> Result<String, Error> {
        let line = [&["vens"], line, &["--api", &api.url]].concat();
        Line::try_parse_from(line).unwrap().vens.answer().await
    }

    const VEN: &str = r#"{"ven_id":"ven-1","ven_name":"house","status":"registered",
        "known_by":"operator","groups":["north","pilot"],"resources":["pump"],
        "learnt_resources":["meter","pump"],"reregistration_requested":true,
        "registration":{"registration_id":"reg-1","profile":"2.0b","transport":"simpleHttp",
          "transport_address":null,"pull":true,"report_only":false,"xml_signature":false,
          "since":"2026-01-01T00:00:00Z","renewed":"2026-01-02T00:00:00Z"},
        "reports":[{"report_specifier_id":"usage","report_name":"METADATA_TELEMETRY_USAGE",
          "data_points":3}],
        "last_seen":"2026-01-03T00:00:00.123Z"}"#;

    const KNOWN: &str = r#"{"ven_id":null,"ven_name":"barn","status":"known",
        "known_by":"operator","groups":[],"resources":["boiler"],"learnt_resources":[],"reregistration_requested":false,
        "registration":null,"reports":[],"last_seen":null}"#;

    #[tokio::test]
    async fn vens_are_listed() {
        let list = format!("{{\"vens\":[{VEN},{KNOWN}]}}");
        let api = ScriptedApi::new([(200, &list), (200, &list), (200, r#"{"vens":[]}"#)]).await;
        let expected = "\
VEN    ID     STATUS      GROUPS        RESOURCES    LAST SEEN
house  ven-1  registered  north, pilot  pump, meter  2026-01-03T00:00:00Z
barn   -      known       -             boiler       -
";
        assert_eq!(answer(&api, &["list"]).await.unwrap(), expected);
        let json = answer(&api, &["--json", "list"]).await.unwrap();
        assert_eq!(json, format!("{list}\n"));
        assert_eq!(answer(&api, &["list"]).await.unwrap(), "no VENs\n");
        assert!(
            api.asked()
                .iter()
                .all(|asked| asked.line == "GET /api/v1/vens")
        );
    }

    #[tokio::test]
    async fn a_ven_is_shown_with_its_registration_and_reports() {
        let api = ScriptedApi::new([(200, VEN), (200, KNOWN)]).await;
        let expected = "\
ven                      house
id                       ven-1
status                   registered
known by                 operator
groups                   north, pilot
resources                pump
made known by it         meter, pump
last seen                2026-01-03T00:00:00Z
asked to register again  yes
registration             reg-1
registered               2026-01-01T00:00:00Z
renewed                  2026-01-02T00:00:00Z
profile                  2.0b
transport                simpleHttp
mode                     pull
signed                   no

REPORT  NAME                      DATA POINTS
usage   METADATA_TELEMETRY_USAGE  3
";
        let shown = answer(&api, &["show", "my house"]).await.unwrap();
        assert_eq!(shown, expected);
        assert_eq!(api.asked()[0].line, "GET /api/v1/vens/my%20house");
        let known = answer(&api, &["show", "barn"]).await.unwrap();
        assert!(known.contains("\nstatus            known\n"), "{known}");
        assert!(!known.contains("registration"), "{known}");
    }

    #[tokio::test]
    async fn the_opts_of_a_ven_are_shown() {
        let none = r#"{"in_force":[],"history":[],"next":null}"#;
        let api = ScriptedApi::new([(200, none)]).await;
        let told = answer(&api, &["opts", "my house"]).await.unwrap();
        assert_eq!(told, "no opts\n");
        assert_eq!(api.asked()[0].line, "GET /api/v1/vens/my%20house/opts");
    }

    #[tokio::test]
    async fn a_ven_is_enrolled_with_groups_and_resources() {
        let api = ScriptedApi::new([(201, KNOWN), (201, KNOWN)]).await;
        let told = answer(&api, &["enrol", "barn"]).await.unwrap();
        assert_eq!(told, "barn: enrolled\n");
        let more = ["--id=v1", "--group=a", "--group=b", "--resource=boiler"];
        answer(&api, &[&["enrol", "barn"], &more[..]].concat())
            .await
            .unwrap();
        let [least, most] = <[_; 2]>::try_from(api.asked()).unwrap();
        assert_eq!(least.line, "POST /api/v1/vens");
        assert_eq!(least.body, json!({"ven_name": "barn"}));
        let expected = json!({
            "ven_name": "barn", "ven_id": "v1", "groups": ["a", "b"], "resources": ["boiler"],
        });
        assert_eq!(most.body, expected);
    }

    /// A folder with a certificate for each of these common names; empty is none.
    fn certificates(names: &[&str]) -> (TempDir, Vec<(String, CertificateHash)>) {
        let folder = TempDir::new("vens").unwrap();
        let mut files = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let mut parameters = rcgen::CertificateParams::default();
            parameters.distinguished_name = rcgen::DistinguishedName::new();
            if !name.is_empty() {
                let names = &mut parameters.distinguished_name;
                names.push(rcgen::DnType::CommonName, *name);
            }
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = parameters.self_signed(&key).unwrap();
            let path = folder.path().join(format!("{place}.pem"));
            std::fs::write(&path, certificate.pem()).unwrap();
            let read = oadr_sign::Certificate::from_der(certificate.der()).unwrap();
            files.push((path.to_str().unwrap().to_owned(), read.hash()));
        }
        (folder, files)
    }

    #[tokio::test]
    async fn a_ven_is_enrolled_with_all_its_certificates() {
        let (_folder, files) = certificates(&["house", "house of before"]);
        let [(new, new_hash), (old, old_hash)] = &files[..] else {
            panic!("{files:?}");
        };
        let told = old_hash.fingerprint();
        let proved = json!({"ven_id": null, "ven_name": "barn", "status": "known",
            "known_by": "operator", "groups": [], "resources": [], "learnt_resources": [],
            "reregistration_requested": false, "registration": null, "reports": [],
            "last_seen": null, "certificates": [new_hash, told], "signatures": "required"});
        let proved = proved.to_string();
        let api = ScriptedApi::new([(201, &proved), (200, &proved), (200, &proved)]).await;
        let fingerprint = told.to_string().replace(':', "").to_lowercase();
        let flags = [
            "--certificate",
            new,
            "--fingerprint",
            &fingerprint,
            "--signatures",
            "required",
        ];
        let answered = answer(&api, &[&["enrol", "barn"], &flags[..]].concat())
            .await
            .unwrap();
        let (first, second) = (new_hash.fingerprint(), told);
        let proof = format!("certificates {first}, {second}; signatures required");
        assert_eq!(answered, format!("barn: enrolled; {proof}\n"));
        let flags = [
            "--add-certificate",
            new,
            "--remove-certificate",
            old,
            "--signatures",
            "default",
        ];
        let answered = answer(&api, &[&["modify", "barn"], &flags[..]].concat())
            .await
            .unwrap();
        assert_eq!(
            answered,
            format!("barn: groups none; resources none; {proof}\n")
        );
        let shown = answer(&api, &["show", &fingerprint]).await.unwrap();
        for line in [
            format!("certificate        {first}"),
            format!("its SHA-256        {new_hash}"),
            format!("certificate        {second}"),
            "its SHA-256        not seen yet".to_owned(),
            "signatures         required".to_owned(),
        ] {
            let line: Vec<_> = line.split_whitespace().collect();
            let is_there = shown
                .lines()
                .any(|l| l.split_whitespace().eq(line.iter().copied()));
            assert!(is_there, "{line:?} in {shown}");
        }
        let [enrolled, modified, _] = <[_; 3]>::try_from(api.asked()).unwrap();
        let expected = json!({
            "ven_name": "barn", "certificates": [new_hash, told], "signatures": "required",
        });
        assert_eq!(enrolled.body, expected);
        let expected = json!({
            "add_certificates": [new_hash], "remove_certificates": [old_hash], "signatures": null,
        });
        assert_eq!(modified.body, expected);
    }

    #[tokio::test]
    async fn without_a_name_each_certificate_enrols_the_ven_that_it_names() {
        let (_folder, files) = certificates(&["house", "plant", ""]);
        let file = |n: usize| files[n].0.as_str();
        let taken = r#"{"title":"In conflict","detail":"the VEN is already known"}"#;
        let api = ScriptedApi::new([(201, KNOWN), (201, KNOWN), (201, KNOWN), (409, taken)]).await;
        let both = [
            "enrol",
            "--certificate",
            file(0),
            "--certificate",
            file(1),
            "--group=g",
        ];
        let told = answer(&api, &both).await.unwrap();
        assert_eq!(told, "house: enrolled\nplant: enrolled\n");
        let expected = ["house", "plant"].into_iter().zip(&files).map(
            |(name, (_, hash))| json!({"ven_name": name, "certificates": [hash], "groups": ["g"]}),
        );
        let said: Vec<_> = api.asked().into_iter().map(|asked| asked.body).collect();
        assert_eq!(said, expected.collect::<Vec<_>>());
        let error = answer(&api, &both).await.unwrap_err().to_string();
        let expected =
            "plant: the VEN is already known (In conflict, HTTP 409); enrolled before that: house";
        assert_eq!(error, expected);
        // Nothing is asked of the API before all is read.
        let nobody = ["enrol", "--certificate", file(0), "--certificate", file(2)];
        let error = answer(&api, &nobody).await.unwrap_err();
        assert!(matches!(error, Error::NobodysCertificate { .. }), "{error}");
        assert!(error.to_string().contains("say NAME"), "{error}");
        assert_eq!(api.asked().len(), 2);
    }

    #[tokio::test]
    async fn what_is_no_certificate_is_said() {
        let (folder, _) = certificates(&[]);
        let api = ScriptedApi::new([]).await;
        let file = folder.path().join("key.pem");
        std::fs::write(
            &file,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        )
        .unwrap();
        for name in ["key.pem", "missing.pem"] {
            let path = folder.path().join(name);
            let path = path.to_str().unwrap();
            let error = answer(&api, &["enrol", "--certificate", path])
                .await
                .unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
        for wrong in [
            &["enrol"][..],
            &["enrol", "--fingerprint", "A9:F8:93:E8:84:32:55:D1:4E:D6"],
            &["enrol", "house", "--fingerprint", "A9:F8:93"],
            &["enrol", "--id=v1", "--certificate", "house.pem"],
            &["enrol", "house", "--signatures", "default"],
        ] {
            let line = [&["vens"], wrong].concat();
            assert!(Line::try_parse_from(line).is_err(), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn groups_and_resources_are_replaced_added_and_removed() {
        let api = ScriptedApi::new([(200, VEN), (200, KNOWN), (200, KNOWN)]).await;
        let change = ["--add-group=a", "--add-group=b", "--remove-group=c"];
        let told = answer(&api, &[&["modify", "my house"], &change[..]].concat()).await;
        assert_eq!(
            told.unwrap(),
            "my house: groups north, pilot; resources pump\n"
        );
        let replace = ["--group=a", "--resource=r", "--resource=s"];
        let told = answer(&api, &[&["modify", "barn"], &replace[..]].concat()).await;
        assert_eq!(told.unwrap(), "barn: groups none; resources boiler\n");
        let none = ["modify", "barn", "--no-groups", "--remove-resource=r"];
        answer(&api, &none).await.unwrap();
        let [added, replaced, emptied] = <[_; 3]>::try_from(api.asked()).unwrap();
        assert_eq!(added.line, "PATCH /api/v1/vens/my%20house");
        let expected = json!({"add_groups": ["a", "b"], "remove_groups": ["c"]});
        assert_eq!(added.body, expected);
        let expected = json!({"groups": ["a"], "resources": ["r", "s"]});
        assert_eq!(replaced.body, expected);
        let expected = json!({"groups": [], "remove_resources": ["r"]});
        assert_eq!(emptied.body, expected);

        let error = answer(&api, &["modify", "barn"]).await.unwrap_err();
        assert!(matches!(error, Error::NothingToChange), "{error}");
        for both in [
            ["--group=a", "--add-group=b"],
            ["--group=a", "--no-groups"],
            ["--no-resources", "--add-resource=b"],
            ["--resource=a", "--remove-resource=b"],
        ] {
            let line = [&["vens", "modify", "barn"], &both[..]].concat();
            assert!(Line::try_parse_from(line).is_err(), "{both:?}");
        }
    }

    #[tokio::test]
    async fn groups_are_listed_with_their_vens() {
        let groups = r#"{"groups":[
            {"group_id":"north","vens":[{"ven_id":"v1","ven_name":"house"},
                                        {"ven_id":"v2","ven_name":null}]},
            {"group_id":"pilot","vens":[{"ven_id":null,"ven_name":"barn"}]}]}"#;
        let api = ScriptedApi::new([(200, groups), (200, r#"{"groups":[]}"#)]).await;
        let expected = "\
GROUP  VENS
north  house, v2
pilot  barn
";
        assert_eq!(answer(&api, &["groups"]).await.unwrap(), expected);
        assert_eq!(answer(&api, &["groups"]).await.unwrap(), "no groups\n");
        assert_eq!(api.asked()[0].line, "GET /api/v1/groups");
    }

    #[tokio::test]
    async fn a_removal_is_done_or_to_be_told() {
        let api = ScriptedApi::new([(204, ""), (202, VEN), (204, "")]).await;
        let told = answer(&api, &["remove", "barn"]).await.unwrap();
        assert_eq!(told, "barn: removed\n");
        let told = answer(&api, &["remove", "house"]).await.unwrap();
        assert_eq!(told, "house: removed; it is told at its next poll\n");
        assert_eq!(answer(&api, &["remove", "x", "--json"]).await.unwrap(), "");
        assert_eq!(api.asked()[0].line, "DELETE /api/v1/vens/barn");
    }

    #[tokio::test]
    async fn a_ven_is_asked_to_register_again() {
        let problem = r#"{"title":"In conflict","detail":"is not registered"}"#;
        let api = ScriptedApi::new([(202, VEN), (409, problem)]).await;
        let told = answer(&api, &["reregister", "house"]).await.unwrap();
        assert_eq!(told, "house: asked to register again at its next poll\n");
        assert_eq!(api.asked()[0].line, "POST /api/v1/vens/house/reregister");
        let error = answer(&api, &["reregister", "barn"]).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "is not registered (In conflict, HTTP 409)"
        );
    }
}
