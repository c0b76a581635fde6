//! Any value of any message, drawn from numbers: for property tests and for checks against the schema.
//!
//! Knows nothing of rules. Where the numbers run out every draw is zero and every list empty, so that
//! a test that shrinks its numbers shrinks the value.

use super::{
    ActivePeriod, Confidence, Currency, CurrencyCode, CurrencyDescription, FeatureCollection,
    GreenButton, ItemBase, Message, MessageKind, Payload, Power, PowerReal, PowerUnit,
    ResponseCode, StreamPayload, Temperature, TemperatureUnit,
};
use crate::value::{
    DataQuality, DateTime, Decimal, Duration, EventStatus, Extension, Float, MarketContext,
    NonEmpty, OptReason, OptType, ProfileName, ReadingType, ReportName, ReportType,
    ResponseRequired, ServiceName, SiScaleCode, SignalName, SignalType, Text, TransportName, XmlId,
};

/// The numbers that a value is drawn from, used from the front.
#[derive(Debug)]
pub struct Draws<'a> {
    numbers: &'a [u64],
    depth: usize,
}

/// A value that can be drawn.
pub trait Arbitrary: Sized {
    /// Draws one.
    fn arbitrary(draws: &mut Draws<'_>) -> Self;
}

impl<'a> Draws<'a> {
    /// Draws from these numbers.
    #[must_use]
    pub fn new(numbers: &'a [u64]) -> Self {
        Self { numbers, depth: 0 }
    }

    /// The next number, zero if there is none left.
    pub fn number(&mut self) -> u64 {
        match self.numbers.split_first() {
            Some((first, rest)) => {
                self.numbers = rest;
                *first
            }
            None => 0,
        }
    }

    /// Whether the numbers ran out.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Heads or tails; tails where the numbers ran out.
    pub fn flip(&mut self) -> bool {
        self.number() & 1 == 1
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(1);
        let below = self.number().checked_rem(bound).unwrap_or(0);
        usize::try_from(below).unwrap_or(0)
    }

    /// One of these.
    pub fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let at = self.below(from.len());
        from.get(at).cloned()
    }
}

/// A message of any kind from these numbers.
#[must_use]
pub fn message(numbers: &[u64]) -> Message {
    let mut draws = Draws::new(numbers);
    let kind = draws.pick(MessageKind::ALL).unwrap_or(MessageKind::Poll);
    Message::arbitrary(kind, &mut draws)
}

impl<T: Arbitrary> Arbitrary for Option<T> {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        (draws.flip()).then(|| T::arbitrary(draws))
    }
}

impl<T: Arbitrary> Arbitrary for Box<T> {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        Self::new(T::arbitrary(draws))
    }
}

impl<T: Arbitrary> Arbitrary for Vec<T> {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        // Short lists, and shorter ones within lists: a message is to stay a message.
        let most = 4_usize.saturating_sub(draws.depth).max(2);
        let length = draws.below(most);
        draws.depth = draws.depth.saturating_add(1);
        let list = (0..length).map(|_| T::arbitrary(draws)).collect();
        draws.depth = draws.depth.saturating_sub(1);
        list
    }
}

impl<T: Arbitrary> Arbitrary for NonEmpty<T> {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        let mut list = Self::one(T::arbitrary(draws));
        for more in Vec::<T>::arbitrary(draws) {
            list.push(more);
        }
        list
    }
}

/// Characters that texts are made of: the plain, the escaped and the long.
const CHARACTERS: &[char] = &[
    'a', 'Z', '0', '-', '_', '.', '/', ':', '&', '<', '>', '"', '\'', ']', ' ', 'é', '中', '😀',
    '\u{85}', '\u{2028}', '%',
];
const BLANKS: &[char] = &['\t', '\n', '\r', ' '];

fn line(draws: &mut Draws<'_>) -> String {
    let length = draws.below(12);
    (0..length)
        .filter_map(|_| draws.pick(CHARACTERS))
        .collect::<String>()
        .trim_matches(' ')
        .to_owned()
}

fn token(draws: &mut Draws<'_>) -> String {
    line(draws)
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

impl Arbitrary for Text {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        let mut text = line(draws);
        if draws.below(4) == 1 {
            text.extend(draws.pick(BLANKS));
            text.push_str(&line(draws));
            text.extend(draws.pick(BLANKS));
        }
        Self::new(text).unwrap_or_default()
    }
}

impl Arbitrary for MarketContext {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        // An anyURI in the eyes of every validator.
        let path: String = token(draws)
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        if draws.below(8) == 1 {
            Self::default()
        } else {
            Self::new(format!("http://example.com/{path}")).unwrap_or_default()
        }
    }
}

impl Arbitrary for XmlId {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        // Unique within the document as far as a counter of what is left makes it.
        let own = draws.numbers.len();
        Self::new(format!("id-{own}-{}", draws.number())).unwrap_or_default()
    }
}

impl Arbitrary for Extension {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        let own = format!("x-a{}", token(draws));
        Self::new(own).unwrap_or_default()
    }
}

impl Arbitrary for bool {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        draws.flip()
    }
}

impl Arbitrary for u32 {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        let number = draws.number();
        // Mostly small, sometimes any.
        let small = number % 10;
        Self::try_from(if number % 7 == 1 { number >> 32 } else { small }).unwrap_or(0)
    }
}

impl Arbitrary for Float {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        let kind = draws.below(8);
        let bits = draws.number();
        match kind {
            0 => 0.0,
            1 => f64::NAN,
            2 => f64::INFINITY,
            3 => f64::NEG_INFINITY,
            4 => f64::from_bits(bits),
            _ => f64::from(u32::try_from(bits >> 40).unwrap_or(0)) / 8.0 - 1_000.0,
        }
        .into()
    }
}

impl Arbitrary for Decimal {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        let whole = u32::arbitrary(draws);
        let text = match draws.below(3) {
            0 => format!("{whole}"),
            1 => format!("-{whole}.5"),
            _ => format!("{whole}.{}", draws.below(1_000)),
        };
        Self::new(text).unwrap_or_else(|_| Self::from(0))
    }
}

impl Arbitrary for DateTime {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        let seconds = i64::try_from(draws.number() % 250_000_000_000).unwrap_or(0);
        let nanos = match draws.below(3) {
            0 | 1 => 0,
            _ => u32::try_from(draws.number() % 1_000_000_000).unwrap_or(0),
        };
        Self::from_timestamp(seconds, nanos).unwrap_or(Self::UNIX_EPOCH)
    }
}

impl Arbitrary for Duration {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        let forms = [
            "P",
            "PT",
            "PT0S",
            "1W",
            "P1Y2M",
            "PT60M",
            "-PT5M",
            "P1Y2M3DT4H5M6S",
            "P1D2H",
            "P10M",
            "P3DT",
        ];
        let text = match draws.below(3) {
            0 => return Self::seconds(u32::arbitrary(draws)),
            1 => format!("{}W", u32::arbitrary(draws)),
            _ => draws.pick(&forms).unwrap_or("P").to_owned(),
        };
        text.parse().unwrap_or(Self::ZERO)
    }
}

macro_rules! any_id {
    ($($name:ident)*) => {$(
        impl Arbitrary for crate::value::$name {
            fn arbitrary(draws: &mut Draws<'_>) -> Self {
                Self::new(line(draws)).unwrap_or_default()
            }
        }
    )*};
}
any_id! {
    BaselineId EventId GroupId OptId PartyId RId RegistrationId ReportRequestId ReportSpecifierId RequestId
    ResourceId SignalId VenId VtnId
}

macro_rules! any_open {
    ($($name:ident)*) => {$(
        impl Arbitrary for $name {
            fn arbitrary(draws: &mut Draws<'_>) -> Self {
                if draws.below(4) == 1 {
                    // An extension may spell a value that has a variant of its own.
                    let own = Extension::arbitrary(draws);
                    return own.as_str().parse().unwrap_or(Self::Extension(own));
                }
                let named = draws.pick(Self::NAMED).unwrap_or_default();
                named.parse().unwrap_or_else(|_| Self::Extension(Extension::default()))
            }
        }
    )*};
}
any_open! { DataQuality OptReason ReadingType ReportName ReportType SignalName }

macro_rules! any_closed {
    ($($name:ident = $first:ident)*) => {$(
        impl Arbitrary for $name {
            fn arbitrary(draws: &mut Draws<'_>) -> Self {
                draws.pick(Self::ALL).unwrap_or(Self::$first)
            }
        }
    )*};
}
any_closed! {
    CurrencyDescription = Currency
    EventStatus = None
    OptType = OptIn
    PowerUnit = Watt
    ProfileName = B
    ResponseRequired = Always
    ServiceName = EiEvent
    SiScaleCode = None
    SignalType = Level
    TemperatureUnit = Celsius
    TransportName = SimpleHttp
}

impl Arbitrary for ResponseCode {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        Self::new(u16::try_from(draws.below(1_000)).unwrap_or(0)).unwrap_or(Self::OK)
    }
}

impl Arbitrary for Confidence {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        Self::new(u32::try_from(draws.below(101)).unwrap_or(0)).unwrap_or_default()
    }
}

impl Arbitrary for CurrencyCode {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        let all: Vec<Self> = Self::all().collect();
        draws.pick(&all).unwrap_or_default()
    }
}

impl Arbitrary for Temperature {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        Self {
            units: Arbitrary::arbitrary(draws),
            scale: Arbitrary::arbitrary(draws),
        }
    }
}

impl Arbitrary for PowerReal {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        Self {
            units: Arbitrary::arbitrary(draws),
            scale: Arbitrary::arbitrary(draws),
            attributes: Arbitrary::arbitrary(draws),
        }
    }
}

impl Arbitrary for Power {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        Self {
            scale: Arbitrary::arbitrary(draws),
            attributes: Arbitrary::arbitrary(draws),
        }
    }
}

impl Arbitrary for ActivePeriod {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        Self(Arbitrary::arbitrary(draws))
    }
}

impl Arbitrary for FeatureCollection {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        Self {
            id: Arbitrary::arbitrary(draws),
            polygon_id: Arbitrary::arbitrary(draws),
            positions: Arbitrary::arbitrary(draws),
        }
    }
}

impl Arbitrary for StreamPayload {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        match draws.below(8) {
            0 | 2 | 4 | 6 => Self::Signal(Arbitrary::arbitrary(draws)),
            1 | 3 | 5 => Self::Report(Arbitrary::arbitrary(draws)),
            _ => Self::GreenButton(Arbitrary::arbitrary(draws)),
        }
    }
}

impl Arbitrary for Payload {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        if draws.below(4) == 1 {
            Self::ResourceStatus(Arbitrary::arbitrary(draws))
        } else {
            Self::Float(Arbitrary::arbitrary(draws))
        }
    }
}

impl Arbitrary for GreenButton {
    #[expect(clippy::expect_used, reason = "a feed made here is one element")]
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        // Without a prefix, or with one that our documents declare for something else.
        let (prefix, declared) = draws
            .pick(&[("", "xmlns"), ("ei:", "xmlns:ei"), ("a:", "xmlns:a")])
            .unwrap_or_default();
        let mut feed = format!("<@feed {declared}='http://www.w3.org/2005/Atom'>");
        // The schema wants three elements.
        for _ in 0..draws.below(3).saturating_add(3) {
            let (number, value) = (u32::arbitrary(draws), u32::arbitrary(draws));
            let title = token(draws)
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;");
            feed.push_str(&match draws.below(5) {
                0 => format!("<@id>urn:uuid:{number}</@id>"),
                1 => format!("<@title type='text'>{title}</@title>"),
                2 => format!("<@link href='/{value}' rel=\"self\"/>"),
                3 => format!(
                    "<@entry><@id>urn:x:{value}</@id><@content><IntervalBlock \
                     xmlns='http://naesb.org/espi'><interval><duration>{number}</duration>\
                     <start>{value}</start></interval><IntervalReading><value>{value}</value>\
                     </IntervalReading></IntervalBlock></@content></@entry>"
                ),
                _ => format!(
                    "<@entry xml:lang='en'><@title>{title}</@title><@content>\
                     <g:UsagePoint xmlns:g='http://naesb.org/espi'><g:status>{}</g:status>\
                     </g:UsagePoint></@content></@entry>",
                    value % 256
                ),
            });
        }
        feed.push_str("</@feed>");
        Self::new(&feed.replace('@', prefix)).expect("a feed")
    }
}

impl Arbitrary for ItemBase {
    fn arbitrary(draws: &mut Draws<'_>) -> Self {
        match draws.below(18) {
            0 => Self::CustomUnit(Arbitrary::arbitrary(draws)),
            1 => Self::Current(Arbitrary::arbitrary(draws)),
            2 => Self::Currency(Currency::arbitrary(draws)),
            3 => Self::CurrencyPerKWh(Arbitrary::arbitrary(draws)),
            4 => Self::CurrencyPerKW(Arbitrary::arbitrary(draws)),
            5 => Self::CurrencyPerThm(Arbitrary::arbitrary(draws)),
            6 => Self::Frequency(Arbitrary::arbitrary(draws)),
            7 => Self::Therm(Arbitrary::arbitrary(draws)),
            8 => Self::Temperature(Arbitrary::arbitrary(draws)),
            9 => Self::PulseCount(Arbitrary::arbitrary(draws)),
            10 => Self::Voltage(Arbitrary::arbitrary(draws)),
            11 => Self::EnergyReal(Arbitrary::arbitrary(draws)),
            12 => Self::EnergyReactive(Arbitrary::arbitrary(draws)),
            13 => Self::EnergyApparent(Arbitrary::arbitrary(draws)),
            14 => Self::PowerReal(Arbitrary::arbitrary(draws)),
            15 => Self::PowerReactive(Arbitrary::arbitrary(draws)),
            16 => Self::GreenButton(Arbitrary::arbitrary(draws)),
            _ => Self::PowerApparent(Arbitrary::arbitrary(draws)),
        }
    }
}
