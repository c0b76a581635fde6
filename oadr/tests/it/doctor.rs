//! `oadr doctor` recognises each fault: every test provokes one and looks for its name and for the words
//! that a person needs.

mod authority;
mod files;
mod given;
mod http;
mod openssl;
mod reach;
mod signatures;
mod tls;
mod vens;

use std::path::Path;

use serde_json::Value;

use crate::process::run;

/// What the doctor said.
#[derive(Debug)]
struct Said {
    findings: Vec<Value>,
    success: bool,
}

impl Said {
    /// The problem of this name; its words and advice.
    fn problem(&self, code: &str) -> String {
        self.finding("problem", code)
    }

    fn has(&self, code: &str) -> bool {
        self.findings.iter().any(|found| found["code"] == code)
    }

    fn finding(&self, level: &str, code: &str) -> String {
        let mut findings = self.findings.iter();
        let found = findings.find(|found| found["code"] == code && found["level"] == level);
        let found = found.unwrap_or_else(|| panic!("no {level} {code} in {:#?}", self.findings));
        if level != "ok" {
            let advice = found["advice"].as_str().unwrap();
            assert!(!advice.is_empty(), "{found}");
        }
        format!("{} | {}", found["what"], found["advice"])
    }

    /// That there are these problems and no others.
    fn only(&self, codes: &[&str]) {
        let problems = self
            .findings
            .iter()
            .filter(|found| found["level"] == "problem");
        let problems: Vec<_> = problems
            .map(|found| found["code"].as_str().unwrap())
            .collect();
        assert_eq!(problems, codes, "{:#?}", self.findings);
        assert_eq!(self.success, codes.is_empty());
    }
}

/// Runs the doctor.
async fn doctor(args: &[&str]) -> Said {
    let ended = run(&[&["doctor"], args, &["--json"]].concat()).await;
    let code = ended.status.code();
    assert!(matches!(code, Some(0 | 1)), "{ended:?}");
    let said: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"));
    let findings = said["findings"].as_array().unwrap().clone();
    let problems = findings.iter().filter(|found| found["level"] == "problem");
    assert_eq!(said["problems"], problems.count());
    Said {
        findings,
        success: code == Some(0),
    }
}

/// Runs `oadr doctor vtn`.
async fn doctor_vtn(url: &str, args: &[&str]) -> Said {
    doctor(&[&["vtn", url], args].concat()).await
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
}
