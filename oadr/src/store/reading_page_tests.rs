//! What a caller may rely on about pages of readings.

use super::reading_pages::{self, Cursor};
use super::reading_tests::{Rig, all, at, fill, minute, page, report, values, write};
use super::*;

/// All pages, one after the other; `between` happens before each further one.
async fn follow(store: &Store, mut wanted: Wanted, between: impl AsyncFn(usize)) -> Vec<f64> {
    let mut found = Vec::new();
    for turn in 0.. {
        let page = page(store, &wanted).await;
        assert!(page.rows.len() <= wanted.limit);
        found.extend(values(&page).into_iter().map(|(_, value, _)| value));
        let Some(next) = page.next else {
            break;
        };
        // As it travels.
        let text = next.to_string();
        assert_eq!(text.parse::<Cursor>(), Ok(next));
        wanted.after = Some(next);
        between(turn).await;
    }
    found
}

#[tokio::test]
async fn pages_go_on_where_the_one_before_ended_whatever_is_stored_meanwhile() {
    let rig = Rig::new();
    fill(&rig.store).await;
    let whole = follow(&rig.store, all(), async |_| {}).await;
    assert_eq!(whole.len(), 40);
    assert_eq!(whole[..4], [100.0, -100.0, 101.0, -101.0]);
    for limit in [1, 7, 39, 40, 41] {
        let wanted = Wanted { limit, ..all() };
        let paged = follow(&rig.store, wanted, async |_| {}).await;
        assert_eq!(paged, whole, "{limit}");
    }
    // Before the place that was reached, after it, and instead of what was read.
    let new = async |turn: usize| {
        let turn = i64::try_from(turn).unwrap();
        let readings = [-60 - turn, 3_000 + turn].map(|start| minute("a", start, 7_777.0));
        write(&rig.store, 1, &report(5_000, readings.to_vec())).await;
        let correction = report(6_000 + turn, vec![minute("a", 0, 8_888.0)]);
        write(&rig.store, 1, &correction).await;
    };
    let wanted = Wanted { limit: 3, ..all() };
    let mut seen = follow(&rig.store, wanted, new).await;
    seen.retain(|value| *value < 7_777.0);
    assert_eq!(seen, whole);
}

#[tokio::test]
async fn what_is_wanted_is_found_and_nothing_else() {
    let rig = Rig::new();
    fill(&rig.store).await;
    let text = |text: &str| Some(text.to_owned());
    let ven = |key: Option<i64>, id: &str| {
        Some(WantedVen {
            key: key.map(Key),
            ven_id: text(id),
        })
    };
    let cases = [
        (
            Wanted {
                ven: ven(Some(1), "ven-1"),
                ..all()
            },
            20,
        ),
        // Gone, under another ID now, and both.
        (
            Wanted {
                ven: ven(None, "ven-2"),
                ..all()
            },
            20,
        ),
        (
            Wanted {
                ven: ven(Some(1), "ven-9"),
                ..all()
            },
            20,
        ),
        (
            Wanted {
                ven: ven(Some(1), "ven-2"),
                ..all()
            },
            40,
        ),
        (
            Wanted {
                ven: ven(None, "ven-9"),
                ..all()
            },
            0,
        ),
        (
            Wanted {
                resource: text("a-resource"),
                ..all()
            },
            20,
        ),
        (
            Wanted {
                resource: text("a"),
                ..all()
            },
            0,
        ),
        (
            Wanted {
                measurement: text("powerReal"),
                ..all()
            },
            40,
        ),
        (
            Wanted {
                measurement: text("status"),
                ..all()
            },
            0,
        ),
        (
            Wanted {
                report_request: text("req-2"),
                ..all()
            },
            20,
        ),
        (
            Wanted {
                r_id: text("b"),
                ..all()
            },
            20,
        ),
        (
            Wanted {
                r_id: text("b"),
                report_request: text("req-1"),
                ..all()
            },
            10,
        ),
        // Half-open.
        (
            Wanted {
                from: Some(at(60)),
                to: Some(at(180)),
                ..all()
            },
            8,
        ),
        (
            Wanted {
                from: Some(at(540)),
                ..all()
            },
            4,
        ),
        (
            Wanted {
                to: Some(at(0)),
                ..all()
            },
            0,
        ),
        (
            Wanted {
                from: Some(at(60)),
                to: Some(at(60)),
                ..all()
            },
            0,
        ),
    ];
    for (wanted, count) in cases {
        let whole = values(&page(&rig.store, &wanted).await);
        assert_eq!(whole.len(), count, "{wanted:?}");
        let limit = 3;
        let paged = follow(
            &rig.store,
            Wanted {
                limit,
                ..wanted.clone()
            },
            async |_| {},
        )
        .await;
        assert_eq!(paged.len(), count, "{wanted:?}");
    }
    assert!(rig.store.has_readings_of("ven-2".to_owned()).await.unwrap());
    assert!(!rig.store.has_readings_of("ven-9".to_owned()).await.unwrap());
}

#[tokio::test]
async fn a_page_that_finds_little_ends_early_and_says_where_to_go_on() {
    let rig = Rig::new();
    fill(&rig.store).await;
    let mut wanted = Wanted {
        r_id: Some("b".to_owned()),
        ..all()
    };
    let (mut found, mut pages) = (Vec::new(), 0);
    loop {
        let asked = wanted.clone();
        let look = rig.store.read(move |c| reading_pages::page(c, &asked, 5));
        let page = look.await.unwrap();
        found.extend(values(&page).into_iter().map(|(_, value, _)| value));
        pages += 1;
        match page.next {
            Some(next) => wanted.after = Some(next),
            None => break,
        }
    }
    let whole = follow(
        &rig.store,
        Wanted {
            after: None,
            ..wanted
        },
        async |_| {},
    )
    .await;
    assert_eq!((found, whole.len()), (whole, 20));
    // Of 40 rows, and the points of each page.
    assert!(pages > 8, "{pages}");
}

#[tokio::test]
async fn a_time_range_of_a_ven_is_one_scan_in_the_order_of_the_table() {
    let rig = Rig::new();
    let plan = rig.store.read(|c| {
        let mut explain = c.prepare(&format!("EXPLAIN QUERY PLAN {}", reading_pages::SELECT))?;
        let rows = explain.query_map((1, 2, 3, 4, 5), |row| row.get::<_, String>(3))?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?)
    });
    let expected = "SEARCH readings USING PRIMARY KEY \
                    (partition=? AND (start,stream,duration)>(?,?,?) AND start<?)";
    assert_eq!(plan.await.unwrap(), [expected]);
}

#[test]
fn what_is_no_cursor_is_refused() {
    for text in [
        "",
        "1",
        "1-2-3",
        "1-2-3-4-5",
        "1-2-3-g",
        "1-2-3-+4",
        "1-2--3",
        "1-2-3-11112222333344445",
    ] {
        assert!(text.parse::<Cursor>().is_err(), "{text}");
    }
}
