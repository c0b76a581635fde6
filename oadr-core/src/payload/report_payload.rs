//! `oadrReportPayload` and the values that it and signals carry.
//!
//! Knows nothing of the report around it.

use crate::codec::{Attributes, Choice, Content, Error, Name, Ns, Reader, Writer, sequence};
use crate::value::{DataQuality, Escaping, Float, Notes, RId, Value, ValueError};

sequence! {
    /// `oadrReportPayload`: the value of one data point.
    pub struct ReportPayload [None] {
        /// The data point.
        r_id: one RId = Ei "rID";
        /// In percent.
        confidence: opt Confidence = Ei "confidence";
        /// In the unit of the value; not for resource status (rule 319).
        accuracy: opt Float = Ei "accuracy";
        /// The value.
        payload: one Payload = choice;
        /// Its quality.
        data_quality: opt DataQuality = Oadr "oadrDataQuality";
    }
}

/// `payloadBase`: a value of either kind.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Payload {
    /// `payloadFloat`: a number.
    Float(Float),
    /// `oadrPayloadResourceStatus`: the state of a resource.
    ResourceStatus(Box<ResourceStatus>),
}

impl Choice for Payload {
    const NAME: &'static str = "ei:payloadFloat or oadr:oadrPayloadResourceStatus";

    fn accepts(name: Name<'_>) -> bool {
        name.is(Ns::Ei, "payloadFloat") || name.is(Ns::Oadr, "oadrPayloadResourceStatus")
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        if !r.is(Ns::Ei, "payloadFloat") {
            return ResourceStatus::read(r).map(|status| Self::ResourceStatus(Box::new(status)));
        }
        r.open(Attributes::None)?;
        if !r.is(Ns::Ei, "value") {
            return Err(if r.child().is_some() {
                r.unexpected(&["ei:value"])
            } else {
                r.missing("ei:value")
            });
        }
        let value = r.value()?;
        r.close()?;
        Ok(Self::Float(value))
    }

    fn write(&self, w: &mut Writer<'_>) {
        match self {
            Self::Float(value) => {
                w.raw("<ei:payloadFloat><ei:value>");
                w.value(value);
                w.raw("</ei:value></ei:payloadFloat>");
            }
            Self::ResourceStatus(status) => {
                w.raw("<oadr:oadrPayloadResourceStatus>");
                Content::write(&**status, w);
                w.raw("</oadr:oadrPayloadResourceStatus>");
            }
        }
    }
}

sequence! {
    /// `oadrPayloadResourceStatus`.
    pub struct ResourceStatus [None] {
        /// Whether the resource can be reached.
        online: one bool = Oadr "oadrOnline";
        /// Whether it was overridden on site.
        manual_override: one bool = Oadr "oadrManualOverride";
        /// How it can be controlled and stands.
        load_control_state: opt LoadControlState = Oadr "oadrLoadControlState";
    }
}

sequence! {
    /// `oadrLoadControlState`; its parts mirror the types of the LOAD_CONTROL signal (rule 334).
    #[derive(Default)]
    pub struct LoadControlState [None] {
        /// Capacity.
        capacity: opt LoadControlValues = Oadr "oadrCapacity";
        /// Level offset.
        level_offset: opt LoadControlValues = Oadr "oadrLevelOffset";
        /// Percent offset.
        percent_offset: opt LoadControlValues = Oadr "oadrPercentOffset";
        /// Set point.
        set_point: opt LoadControlValues = Oadr "oadrSetPoint";
    }
}

sequence! {
    /// The range and the present value of one way to control a load.
    pub struct LoadControlValues [None] {
        /// Least.
        min: opt Float = Oadr "oadrMin";
        /// Most.
        max: opt Float = Oadr "oadrMax";
        /// Now.
        current: one Float = Oadr "oadrCurrent";
        /// Usually.
        normal: opt Float = Oadr "oadrNormal";
    }
}

/// `confidence`: 0 to 100 percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Confidence(u32);

impl Confidence {
    /// Takes a percentage.
    ///
    /// # Errors
    /// More than 100.
    pub fn new(percent: u32) -> Result<Self, ValueError> {
        if percent <= 100 {
            Ok(Self(percent))
        } else {
            Err(ValueError::OutOfRange)
        }
    }

    /// The percentage.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Confidence {
    type Error = ValueError;

    fn try_from(percent: u32) -> Result<Self, ValueError> {
        Self::new(percent)
    }
}

impl From<Confidence> for u32 {
    fn from(confidence: Confidence) -> Self {
        confidence.0
    }
}

impl Value for Confidence {
    fn parse(text: &str, notes: &mut Notes) -> Result<Self, ValueError> {
        Self::new(Value::parse(text, notes)?)
    }

    fn write(&self, out: &mut Vec<u8>) -> Escaping {
        Value::write(&self.0, out)
    }
}
