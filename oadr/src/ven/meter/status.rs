//! The status of a resource as its VEN can know it: what the events that run ask of it.
//!
//! Knows nothing of the resource itself.

use oadr_core::payload::{LoadControlState, LoadControlValues, ResourceStatus};
use oadr_core::value::{OptType, ResourceId};

use super::control::{Control, concerns};
use crate::ven::event::Event;
use crate::ven::reporting::Moment;

/// The status of a resource, or of the VEN as a whole, for a
/// [status point](crate::ven::Point::status): online, overridden while it stays out of an event that runs, and
/// with the load control state that running events ask for (rule 334).
#[must_use]
pub fn status_of(moment: &Moment, resource: Option<&ResourceId>) -> ResourceStatus {
    let control = Control::at(moment, resource);
    let values = |current: f64, normal: f64| LoadControlValues {
        min: None,
        max: None,
        current: current.into(),
        normal: Some(normal.into()),
    };
    let now = moment.time();
    let stays_out = moment.state().events().any(|event| {
        let runs = event.start() <= now && event.end().is_none_or(|end| now < end);
        let is_out = event.stance().opt == OptType::OptOut;
        runs && is_out && concerns(Event::from(event).target(), resource)
    });
    ResourceStatus {
        online: true,
        manual_override: stays_out,
        // The same ones in every interval, so no set point, which is there only in events.
        load_control_state: Some(LoadControlState {
            capacity: Some(LoadControlValues {
                min: Some(0.0.into()),
                max: Some(1.0.into()),
                ..values(control.capacity, 1.0)
            }),
            level_offset: Some(values(control.level, 0.0)),
            percent_offset: Some(values(control.percent, 0.0)),
            set_point: None,
        }),
    }
}
