//! What an operator can do to a VEN.

use super::*;
use crate::value::{GroupId, ResourceId};

fn enrol() -> Command {
    Command::Enrol {
        ven_name: Text::new("house").unwrap(),
        ven_id: VenId::new("ven-7").ok(),
        groups: vec![GroupId::new("north").unwrap()],
        resources: vec![ResourceId::new("boiler").unwrap()],
        certificates: Vec::new(),
        signatures: None,
        jid: None,
    }
}

#[test]
fn a_ven_is_enrolled_once_and_keeps_what_the_operator_said_of_it() {
    let mut rig = Rig::new();
    rig.command(&enrol()).unwrap();
    assert_eq!(
        rig.command(&enrol()).unwrap_err(),
        CommandError::AlreadyKnown
    );
    assert_eq!(rig.state().known_by(), Some(KnownBy::Operator));
    assert_eq!(rig.state().registration(), None);
    rig.register();
    let member = rig.state().member();
    assert_eq!(member.ven_id, VenId::new("ven-7").ok());
    assert_eq!(member.groups, [GroupId::new("north").unwrap()]);
    assert_eq!(member.resources, [ResourceId::new("boiler").unwrap()]);
    assert_eq!(rig.state().known_by(), Some(KnownBy::Operator));
}

#[test]
fn a_ven_that_never_registered_is_removed_at_once() {
    let mut rig = Rig::new();
    assert_eq!(
        rig.command(&Command::Remove).unwrap_err(),
        CommandError::Unknown
    );
    rig.command(&enrol()).unwrap();
    rig.command(&Command::Remove).unwrap();
    assert!(rig.state().is_forgotten());
    assert!(rig.claims.is_empty());
    rig.command(&enrol()).unwrap();
    assert!(!rig.state().is_forgotten());
}

#[test]
fn removing_twice_does_not_begin_again() {
    let mut rig = Rig::registered();
    rig.command(&Command::Remove).unwrap();
    let deadline = Vtn::next_deadline(rig.state());
    rig.advance(60);
    assert!(rig.command(&Command::Remove).unwrap().changes.is_empty());
    assert_eq!(Vtn::next_deadline(rig.state()), deadline);
    let error = rig.command(&Command::RequestReregistration).unwrap_err();
    assert_eq!(error, CommandError::NotRegistered);
}

#[test]
fn a_removed_ven_registers_anew_only_where_anyone_may() {
    let mut rig = Rig::registered();
    rig.command(&Command::Remove).unwrap();
    rig.context.admission = Admission::Enrolled;
    assert_eq!(rig.send(create("house")).code(), 463);
    rig.context.admission = Admission::Open;
    let ven_id = rig.ven_id();
    assert_eq!(rig.register().ven_id, Some(ven_id));
    assert!(!rig.state().is_leaving());
    rig.exchange_metadata();
    assert!(rig.polls_in_vain());
}

#[test]
fn a_reregistration_is_asked_of_registered_vens_only() {
    let mut rig = Rig::new();
    let ask = Command::RequestReregistration;
    assert_eq!(rig.command(&ask).unwrap_err(), CommandError::Unknown);
    rig.command(&enrol()).unwrap();
    assert_eq!(rig.command(&ask).unwrap_err(), CommandError::NotRegistered);
    rig.register();
    assert!(!rig.command(&ask).unwrap().changes.is_empty());
    assert!(rig.command(&ask).unwrap().changes.is_empty());
}

#[test]
fn every_change_records_the_time_and_the_context() {
    let mut rig = Rig::registered();
    rig.announce("e", draft());
    rig.advance(7);
    rig.polled_events();
    let decided = Decided {
        at: rig.now,
        context_version: rig.context.version,
    };
    assert_eq!(rig.state().decided(), Some(decided));
}
