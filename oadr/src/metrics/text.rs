//! Figures in the text format of Prometheus, version 0.0.4.
//!
//! Knows nothing of what they mean.

use std::fmt::{Display, Write as _};

use super::Histogram;

/// What the text is, for HTTP.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether a figure goes up only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
}

/// A label's name and value.
pub(crate) type Label<'a> = (&'static str, &'a str);

/// The text, as far as it is written.
#[derive(Debug, Default)]
pub(crate) struct Text(String);

impl Text {
    /// Writes the figures of one name. Without figures there is no name either.
    pub(crate) fn family<'a, V: Display, const N: usize>(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        figures: impl IntoIterator<Item = ([Label<'a>; N], V)>,
    ) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let mut figures = figures.into_iter().peekable();
        if figures.peek().is_some() {
            self.head(name, kind, help);
        }
        for (labels, value) in figures {
            self.sample(name, &labels, &value);
        }
    }

    /// Writes one figure.
    pub(crate) fn one(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help, [([], value)]);
    }

    /// Writes histograms of one name.
    pub(crate) fn histograms<'a>(
        &mut self,
        name: &str,
        help: &str,
        figures: impl IntoIterator<Item = (Option<Label<'a>>, &'a Histogram)>,
    ) {
        self.head(name, "histogram", help);
        let (bucket, total, count) = (
            format!("{name}_bucket"),
            format!("{name}_sum"),
            format!("{name}_count"),
        );
        for (label, histogram) in figures {
            let labels: Vec<Label<'_>> = label.into_iter().collect();
            let (up_to, sum) = histogram.read();
            for (bound, number) in &up_to {
                let bound = if bound.is_finite() {
                    bound.to_string()
                } else {
                    "+Inf".to_owned()
                };
                let labels: Vec<_> = labels.iter().copied().chain([("le", &*bound)]).collect();
                self.sample(&bucket, &labels, number);
            }
            self.sample(&total, &labels, &sum);
            let all = up_to.last().map_or(0, |(_, number)| *number);
            self.sample(&count, &labels, &all);
        }
    }

    /// The whole text.
    pub(crate) fn finish(self) -> String {
        self.0
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String does not fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[Label<'_>], value: &dyn Display) {
        self.0.push_str(name);
        let mut before = '{';
        for (label, text) in labels {
            self.0.push(before);
            before = ',';
            let _ = write!(self.0, "{label}=\"");
            for c in text.chars() {
                match c {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    c => self.0.push(c),
                }
            }
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_with_their_labels() {
        let mut text = Text::default();
        text.one("a", Kind::Gauge, "What a is.", 1.5);
        text.family(
            "b_total",
            Kind::Counter,
            "What b is.",
            [
                ([("x", "1"), ("y", "2")], 3),
                ([("x", "\"\\\n"), ("y", "")], 4),
            ],
        );
        let none: [([Label<'_>; 0], u64); 0] = [];
        text.family("c", Kind::Gauge, "Never seen.", none);
        let written = "\
# HELP a What a is.
# TYPE a gauge
a 1.5
# HELP b_total What b is.
# TYPE b_total counter
b_total{x=\"1\",y=\"2\"} 3
b_total{x=\"\\\"\\\\\\n\",y=\"\"} 4
";
        assert_eq!(text.finish(), written);
    }

    #[test]
    fn a_histogram_has_buckets_a_sum_and_a_count() {
        let (one, other) = (
            Histogram::of_numbers(&[1, 2]),
            Histogram::of_numbers(&[1, 2]),
        );
        one.observe(2);
        one.observe(3);
        let mut text = Text::default();
        let figures = [(Some(("x", "1")), &one), (None, &other)];
        text.histograms("a", "What a is.", figures);
        let written = "\
# HELP a What a is.
# TYPE a histogram
a_bucket{x=\"1\",le=\"1\"} 0
a_bucket{x=\"1\",le=\"2\"} 1
a_bucket{x=\"1\",le=\"+Inf\"} 2
a_sum{x=\"1\"} 5
a_count{x=\"1\"} 2
a_bucket{le=\"1\"} 0
a_bucket{le=\"2\"} 0
a_bucket{le=\"+Inf\"} 0
a_sum 0
a_count 0
";
        assert_eq!(text.finish(), written);
    }
}
