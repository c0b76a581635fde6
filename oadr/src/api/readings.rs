//! `/api/v1/readings`: what VENs have reported, as JSON or CSV.
//!
//! Knows nothing of how it came. Pages have a bounded size and cost; each says where the next one is.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use oadr_core::value::DateTime;
use serde::Serialize;

use super::problem::Problem;
use super::vens::{look_up, segment};
use crate::reading::{self, Measured, Point, Sample};
use crate::store::{Cursor, Page, Wanted, WantedVen};
use crate::vtn::Host;

/// How many readings a page has if nothing else is asked for, and at most.
const PAGE: usize = 1_000;
const LONGEST_PAGE: usize = 10_000;

/// The parameters as they came, in their order.
type Parameters = Vec<(String, String)>;

#[derive(Debug, Serialize)]
struct List<'a> {
    readings: Vec<ReadingView<'a>>,
    /// For `cursor`, if there may be more.
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct ReadingView<'a> {
    #[serde(flatten)]
    point: &'a Point,
    #[serde(flatten)]
    sample: &'a Sample,
    /// The values that do not count any more, the latest first; with `history` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    superseded: Option<&'a [Measured]>,
}

/// How an answer looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
}

pub(super) async fn list(
    State(host): State<Arc<Host>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(parameters) = parameters.map_err(|error| Problem::malformed(error.body_text()))?;
    let (wanted, format) = read(&host, &parameters).await?;
    let is_history = wanted.history;
    let page = host.store.readings(wanted).await?;
    let mut headers = HeaderMap::new();
    if let Some(next) = &page.next
        && let Ok(link) = HeaderValue::try_from(link(&parameters, next))
    {
        headers.insert(header::LINK, link);
    }
    // As long as the page, so not between other tasks.
    let shown = tokio::task::spawn_blocking(move || match format {
        Format::Json => json(&page),
        Format::Csv => csv(&page, is_history),
    });
    let shown = shown.await.map_err(|error| Problem::failed(&error))?;
    Ok((headers, shown).into_response())
}

fn json(page: &Page) -> Response {
    let readings = page.readings().map(|(point, row)| ReadingView {
        point,
        sample: &row.sample,
        superseded: row.superseded.as_deref(),
    });
    let list = List {
        readings: readings.collect(),
        next: page.next.map(|next| next.to_string()),
    };
    Json(list).into_response()
}

/// The whole answer: its last line says nothing of where there is more, the header does.
fn csv(page: &Page, history: bool) -> Response {
    let mut out = reading::csv_header(history);
    for (point, row) in page.readings() {
        reading::write_csv(&mut out, point, &row.sample, row.superseded.as_deref());
    }
    let kind = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
    ([(header::CONTENT_TYPE, kind)], out).into_response()
}

/// The same list after this place.
fn link(parameters: &Parameters, next: &Cursor) -> String {
    let same = parameters.iter().filter(|(name, _)| name != "cursor");
    let mut query: Vec<String> = same
        .map(|(name, value)| format!("{name}={}", segment(value)))
        .collect();
    query.push(format!("cursor={next}"));
    format!("</api/v1/readings?{}>; rel=\"next\"", query.join("&"))
}

async fn read(host: &Host, parameters: &Parameters) -> Result<(Wanted, Format), Problem> {
    let mut wanted = Wanted {
        limit: PAGE,
        ..Wanted::default()
    };
    let mut format = Format::Json;
    for (index, (name, value)) in parameters.iter().enumerate() {
        let before = parameters.iter().take(index);
        if before.into_iter().any(|(earlier, _)| earlier == name) {
            return Err(Problem::invalid(name, "is said twice"));
        }
        let text = || Some(value.clone());
        match name.as_str() {
            "ven" => wanted.ven = Some(ven(host, value).await?),
            "resource" => wanted.resource = text(),
            "measurement" => wanted.measurement = text(),
            "report_request" => wanted.report_request = text(),
            "r_id" => wanted.r_id = text(),
            "from" => wanted.from = Some(time(name, value)?),
            "to" => wanted.to = Some(time(name, value)?),
            "cursor" => wanted.after = Some(parsed(name, value)?),
            "history" => wanted.history = parsed(name, value)?,
            "limit" => {
                wanted.limit = parsed(name, value)?;
                if wanted.limit == 0 || wanted.limit > LONGEST_PAGE {
                    let range = format!("must be between 1 and {LONGEST_PAGE}");
                    return Err(Problem::invalid(name, range));
                }
            }
            "format" => {
                format = match value.as_str() {
                    "json" => Format::Json,
                    "csv" => Format::Csv,
                    _ => return Err(Problem::invalid(name, "must be json or csv")),
                }
            }
            unknown => {
                let field = crate::logging::cut(unknown);
                return Err(Problem::invalid(field, "there is no such parameter"));
            }
        }
    }
    if let (Some(from), Some(to)) = (wanted.from, wanted.to)
        && from > to
    {
        return Err(Problem::invalid("to", "must not be before from"));
    }
    Ok((wanted, format))
}

/// A VEN by its ID or its name; one that is gone by its ID.
async fn ven(host: &Host, name: &str) -> Result<WantedVen, Problem> {
    let Some(slot) = look_up(host, name)? else {
        return if host.store.has_readings_of(name.to_owned()).await? {
            Ok(WantedVen {
                key: None,
                ven_id: Some(name.to_owned()),
            })
        } else {
            let nobody = "no VEN has this ID or name, and none of this ID has ever reported";
            Err(Problem::invalid("ven", nobody))
        };
    };
    let current = slot.current();
    let ven_id = current.and_then(|ven| ven.state.ven_id().map(ToString::to_string));
    Ok(WantedVen {
        key: Some(slot.key),
        ven_id,
    })
}

fn time(name: &str, text: &str) -> Result<DateTime, Problem> {
    let example = "is no time such as 2026-01-31T16:00:00Z";
    let time = chrono::DateTime::parse_from_rfc3339(text);
    time.map(|time| time.to_utc())
        .map_err(|_| Problem::invalid(name, example))
}

fn parsed<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse()
        .map_err(|error: T::Err| Problem::invalid(name, error.to_string()))
}
