//! One table line per element makes a type, its strict ordered reader and its canonical writer.
//!
//! Knows nothing of any particular type. A table reads like the schema:
//!
//! ```text
//! sequence! {
//!     /// What it is.
//!     pub struct Interval [None] {
//!         /// Start.
//!         start: opt DateTime = Xcal "dtstart" / Xcal "date-time";
//!         /// Payloads.
//!         payloads: some StreamPayload = choice;
//!     }
//! }
//! ```
//!
//! `[…]` are the attributes allowed. Cardinalities: `one`, `opt` (0..1), `many` (0..n), `some` (1..n)
//! and `lax` (1, but its absence is read as the default value and noted). `/` names the elements that
//! wrap a value, outermost first; `choice` stands for a substitution group.

use super::reader::{Error, Name, Reader};
use super::writer::Writer;
use crate::value::Value;

/// The content of an element.
pub(crate) trait Content: Sized {
    /// Reads the element stood on, its tags included, and stands on its next sibling.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error>;

    /// Writes what is between the tags.
    fn write(&self, writer: &mut Writer<'_>);
}

/// A substitution group: one of several elements.
pub(crate) trait Choice: Sized {
    /// What the group is called in errors.
    const NAME: &'static str;

    /// Whether the element is of the group.
    fn accepts(name: Name<'_>) -> bool;

    /// Reads the element stood on, which is of the group.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error>;

    /// Writes the element, its tags included.
    fn write(&self, writer: &mut Writer<'_>);
}

impl<V: Value> Content for V {
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.value()
    }

    #[inline]
    fn write(&self, writer: &mut Writer<'_>) {
        writer.value(self);
    }
}

macro_rules! sequence {
    ($(#[$meta:meta])* pub struct $name:ident [$attributes:ident] {
        $($(#[$doc:meta])* $field:ident: $card:ident $ty:ty = $ns:ident $($el:literal)? $(/ $ins:ident $inel:literal)*;)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $($(#[$doc])* pub $field: $crate::codec::sequence!(@field $card $ty),)*
        }

        impl $crate::codec::Content for $name {
            fn read(r: &mut $crate::codec::Reader<'_>) -> Result<Self, $crate::codec::Error> {
                r.open($crate::codec::Attributes::$attributes)?;
                $(let mut $field: $crate::codec::sequence!(@slot $card $ty) = Default::default();)*
                $($crate::codec::sequence!(@step r $field $card $ty, $ns $($el)? $(/ $ins $inel)*);)*
                while let Some(found) = r.child() {
                    r.misplaced(&[$($crate::codec::sequence!(@name $ty, $ns $($el)?)),*])?;
                    $(
                        if $crate::codec::sequence!(@alike found $ty, $ns $($el)?)
                            && $crate::codec::sequence!(@room $field $card)
                        {
                            r.note($crate::codec::sequence!(@bent found $ns $($el)?));
                            $crate::codec::sequence!(@store r $field $card $ty, $ns $(/ $ins $inel)*);
                            continue;
                        }
                    )*
                    r.note($crate::codec::DriftKind::UnknownElement);
                    r.skip()?;
                }
                let read = Self {
                    $($field: $crate::codec::sequence!(@done r $field $card $ty, $ns $($el)?),)*
                };
                r.close()?;
                Ok(read)
            }

            fn write(&self, w: &mut $crate::codec::Writer<'_>) {
                $($crate::codec::sequence!(@write w (self.$field) $card $ty, $ns $($el)? $(/ $ins $inel)*);)*
            }
        }

        #[cfg(any(test, feature = "arbitrary"))]
        impl $crate::payload::arbitrary::Arbitrary for $name {
            fn arbitrary(draws: &mut $crate::payload::arbitrary::Draws<'_>) -> Self {
                Self { $($field: $crate::payload::arbitrary::Arbitrary::arbitrary(draws),)* }
            }
        }
    };

    (@field one $ty:ty) => { $ty };
    (@field lax $ty:ty) => { $ty };
    (@field opt $ty:ty) => { Option<$ty> };
    (@field many $ty:ty) => { Vec<$ty> };
    (@field some $ty:ty) => { $crate::value::NonEmpty<$ty> };

    (@slot one $ty:ty) => { Option<$ty> };
    (@slot lax $ty:ty) => { Option<$ty> };
    (@slot opt $ty:ty) => { Option<$ty> };
    (@slot many $ty:ty) => { Vec<$ty> };
    (@slot some $ty:ty) => { Vec<$ty> };

    // The element in its place.
    (@step $r:ident $field:ident many $ty:ty, $ns:ident $($el:literal)? $(/ $ins:ident $inel:literal)*) => {
        while $crate::codec::sequence!(@here $r $ty, $ns $($el)?) {
            $crate::codec::sequence!(@store $r $field many $ty, $ns $(/ $ins $inel)*);
        }
    };
    (@step $r:ident $field:ident some $ty:ty, $ns:ident $($el:literal)? $(/ $ins:ident $inel:literal)*) => {
        $crate::codec::sequence!(@step $r $field many $ty, $ns $($el)? $(/ $ins $inel)*)
    };
    (@step $r:ident $field:ident $card:ident $ty:ty, $ns:ident $($el:literal)? $(/ $ins:ident $inel:literal)*) => {
        if $crate::codec::sequence!(@here $r $ty, $ns $($el)?) {
            $crate::codec::sequence!(@store $r $field $card $ty, $ns $(/ $ins $inel)*);
        }
    };

    (@here $r:ident $ty:ty, choice) => { $r.child().is_some_and(<$ty as $crate::codec::Choice>::accepts) };
    (@here $r:ident $ty:ty, $ns:ident $el:literal) => { $r.is($crate::codec::Ns::$ns, $el) };

    (@alike $found:ident $ty:ty, choice) => { <$ty as $crate::codec::Choice>::accepts($found) };
    (@alike $found:ident $ty:ty, $ns:ident $el:literal) => { $found.local == $el };

    (@bent $found:ident choice) => { $crate::codec::DriftKind::OutOfOrder };
    (@bent $found:ident $ns:ident $el:literal) => {
        if $found.ns == $crate::codec::Ns::$ns {
            $crate::codec::DriftKind::OutOfOrder
        } else {
            $crate::codec::DriftKind::WrongNamespace
        }
    };

    (@room $field:ident many) => { true };
    (@room $field:ident some) => { true };
    (@room $field:ident $card:ident) => { $field.is_none() };

    (@store $r:ident $field:ident many $ty:ty, $ns:ident $(/ $ins:ident $inel:literal)*) => {
        $field.push($crate::codec::sequence!(@read $r $ty, $ns $(/ $ins $inel)*))
    };
    (@store $r:ident $field:ident some $ty:ty, $ns:ident $(/ $ins:ident $inel:literal)*) => {
        $field.push($crate::codec::sequence!(@read $r $ty, $ns $(/ $ins $inel)*))
    };
    (@store $r:ident $field:ident $card:ident $ty:ty, $ns:ident $(/ $ins:ident $inel:literal)*) => {
        $field = Some($crate::codec::sequence!(@read $r $ty, $ns $(/ $ins $inel)*))
    };

    (@read $r:ident $ty:ty, choice) => { <$ty as $crate::codec::Choice>::read($r)? };
    (@read $r:ident $ty:ty, $ns:ident) => { <$ty as $crate::codec::Content>::read($r)? };
    (@read $r:ident $ty:ty, $ns:ident $(/ $ins:ident $inel:literal)+) => {{
        $($r.descend($crate::codec::Ns::$ins, $inel, &[concat!($crate::codec::prefix!($ins), ":", $inel)])?;)+
        let inner = <$ty as $crate::codec::Content>::read($r)?;
        $(let _ = $inel; $r.ascend()?;)+
        inner
    }};

    (@done $r:ident $field:ident one $ty:ty, $ns:ident $($el:literal)?) => {
        match $field {
            Some(read) => read,
            None => return Err($r.missing($crate::codec::sequence!(@name $ty, $ns $($el)?))),
        }
    };
    (@done $r:ident $field:ident lax $ty:ty, $ns:ident $($el:literal)?) => {
        match $field {
            Some(read) => read,
            None => {
                $r.note($crate::codec::DriftKind::Absent);
                Default::default()
            }
        }
    };
    (@done $r:ident $field:ident some $ty:ty, $ns:ident $($el:literal)?) => {
        match $crate::value::NonEmpty::try_from($field) {
            Ok(read) => read,
            Err(_) => return Err($r.missing($crate::codec::sequence!(@name $ty, $ns $($el)?))),
        }
    };
    (@done $r:ident $field:ident $card:ident $ty:ty, $ns:ident $($el:literal)?) => { $field };

    (@name $ty:ty, choice) => { <$ty as $crate::codec::Choice>::NAME };
    (@name $ty:ty, $ns:ident $el:literal) => { concat!($crate::codec::prefix!($ns), ":", $el) };

    (@write $w:ident ($field:expr) one $($rest:tt)*) => {
        $crate::codec::sequence!(@element $w (&$field) $($rest)*)
    };
    (@write $w:ident ($field:expr) lax $($rest:tt)*) => {
        $crate::codec::sequence!(@element $w (&$field) $($rest)*)
    };
    (@write $w:ident ($field:expr) opt $($rest:tt)*) => {
        if let Some(each) = &$field {
            $crate::codec::sequence!(@element $w (each) $($rest)*);
        }
    };
    (@write $w:ident ($field:expr) $card:ident $($rest:tt)*) => {
        for each in &$field {
            $crate::codec::sequence!(@element $w (each) $($rest)*);
        }
    };

    (@element $w:ident ($each:expr) $ty:ty, choice) => { <$ty as $crate::codec::Choice>::write($each, $w) };
    (@element $w:ident ($each:expr) $ty:ty, $ns:ident $el:literal) => {
        $w.raw(concat!("<", $crate::codec::prefix!($ns), ":", $el, ">"));
        <$ty as $crate::codec::Content>::write($each, $w);
        $w.raw(concat!("</", $crate::codec::prefix!($ns), ":", $el, ">"))
    };
    (@element $w:ident ($each:expr) $ty:ty, $ns:ident $el:literal $(/ $ins:ident $inel:literal)+) => {
        $w.raw(concat!("<", $crate::codec::prefix!($ns), ":", $el, ">"));
        $crate::codec::sequence!(@element $w ($each) $ty, $(/ $ins $inel)+);
        $w.raw(concat!("</", $crate::codec::prefix!($ns), ":", $el, ">"))
    };
    (@element $w:ident ($each:expr) $ty:ty, / $ns:ident $el:literal $(/ $ins:ident $inel:literal)*) => {
        $crate::codec::sequence!(@element $w ($each) $ty, $ns $el $(/ $ins $inel)*)
    };
}
pub(crate) use sequence;
