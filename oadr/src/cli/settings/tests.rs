//! Settings of whole command lines, with a file and variables of the test's own.

use std::fs;
use std::path::Path;

use oadr_core::value::OptType;

use super::*;
use crate::cli::Command;
use crate::temp_dir::TempDir;

/// What the command line comes to with these variables.
fn line(words: &[&str], variables: &[(&str, &str)]) -> Result<Line, Error> {
    let words: Vec<OsString> = ["oadr"].iter().chain(words).map(Into::into).collect();
    read(&words, &|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.into())
    })
}

fn printed(words: &[&str], variables: &[(&str, &str)]) -> String {
    let words = [words, &["--print-config"]].concat();
    match line(&words, variables).unwrap() {
        Line::Print(text) => text,
        Line::Run(cli) => panic!("{cli:?}"),
    }
}

fn vtn(words: &[&str], variables: &[(&str, &str)]) -> crate::vtn::Config {
    let line = line(&[&["vtn"], words].concat(), variables).unwrap();
    let Line::Run(cli) = line else {
        panic!("{line:?}")
    };
    let Command::Vtn(args) = cli.command else {
        panic!("{cli:?}")
    };
    args.settings.config().unwrap()
}

fn refusal(words: &[&str], variables: &[(&str, &str)]) -> String {
    match line(words, variables) {
        Err(error) => error.to_string(),
        Ok(line) => panic!("{line:?}"),
    }
}

fn file(temp: &TempDir, text: &str) -> String {
    let path = temp.path().join("oadr.toml");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_doctor_reads_the_variables_of_the_ven() {
    let command = <crate::cli::Cli as clap::CommandFactory>::command();
    let doctor = command.find_subcommand("doctor").unwrap();
    let doctor = doctor.find_subcommand("vtn").unwrap();
    let read = doctor.get_arguments().filter_map(Arg::get_env);
    let known: Vec<_> = of::<VenSettings>().iter().map(variable_of).collect();
    for name in read.map(|name| name.to_str().unwrap()) {
        assert!(known.iter().any(|known| known == name), "{name}");
    }
}

#[test]
fn options_go_before_variables_those_before_the_file_and_that_before_defaults() {
    let temp = TempDir::new("settings").unwrap();
    let text = "listen = \"127.0.0.1:1\"\napi_listen = \"127.0.0.1:1\"\npoll_interval = \"PT1S\"\n\
                dev = true\n";
    let path = file(&temp, text);
    let variables = [
        ("OADR_LISTEN", "127.0.0.1:2"),
        ("OADR_API_LISTEN", "127.0.0.1:2"),
        ("OADR_VTN_ID", ""),
    ];
    let words = ["--config", &path, "--listen", "127.0.0.1:3"];
    let config = vtn(&words, &variables);
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.api.port(), 2);
    assert_eq!(config.poll_interval.to_string(), "PT1S");
    assert_eq!(config.data, Path::new("oadr-vtn"));
    assert_eq!(config.vtn_id, None);
    assert_eq!(config.opt_precedence, OptType::OptOut);
    assert_eq!(config.admission, oadr_core::vtn::Admission::Open);

    // The file may be named by a variable, and a flag of it taken back.
    let named = [("OADR_CONFIG", path.as_str())];
    let words = ["--dev=false", "--api", "127.0.0.1:4", "--opt-precedence=in"];
    let config = vtn(&words, &named);
    assert_eq!(config.opt_precedence, OptType::OptIn);
    assert_eq!((config.listen.port(), config.api.port()), (1, 4));
    assert_eq!(config.admission, oadr_core::vtn::Admission::Enrolled);
    let config = vtn(&[], &[("OADR_DEV", "true")]);
    assert_eq!(config.admission, oadr_core::vtn::Admission::Open);
}

#[test]
fn what_is_printed_says_where_it_is_from_and_can_be_given_back() {
    let temp = TempDir::new("settings").unwrap();
    let path = file(&temp, "# mine\npoll_interval = \"PT1S\"\ndev = true\n");
    let words = [
        "vtn",
        "--config",
        &path,
        "--data",
        "it's \"here\"",
        "--log=debug",
    ];
    let text = printed(&words, &[("OADR_LISTEN", "127.0.0.1:2")]);
    let expected = format!(
        "# vtn_id is not set\nlisten = \"127.0.0.1:2\" # OADR_LISTEN\n\
         api_listen = \"127.0.0.1:8081\" # default\npoll_interval = \"PT1S\" # {path}, line 2\n\
         dev = true # {path}, line 3\ninsecure_plain_api = false # default\n\
         log = \"debug\" # --log\nlog_format = \"text\" # default\n"
    );
    for line in expected.lines() {
        assert!(
            text.lines().any(|printed| printed == line),
            "{line}: {text}"
        );
    }
    // Every one is there.
    let settings = of::<VtnSettings>().len() + of::<LogArgs>().len();
    assert_eq!(text.lines().count(), settings, "{text}");

    let again = file(&temp, &text);
    let second = printed(&["vtn", "--config", &again], &[]);
    let values = |text: &str| {
        let lines = text.lines().map(|line| line.rsplit_once(" # "));
        let values = lines.map(|parts| parts.map(|(value, _)| value.to_owned()));
        values.collect::<Vec<_>>()
    };
    assert_eq!(values(&second), values(&text));
}

#[test]
fn lists_and_numbers_are_printed_as_such_and_secrets_not_at_all() {
    let words = [
        "ven",
        "--vtn=http://127.0.0.1:8080",
        "--name=007",
        "--resource=a,b",
        "--resource=c",
        "--on-event-timeout=2.5",
        "--http-user=me",
    ];
    let variables = [
        (
            "OADR_MARKET_CONTEXTS",
            "http://example.com/a, http://example.com/b",
        ),
        ("OADR_HTTP_PASSWORD", "secret"),
    ];
    let text = printed(&words, &variables);
    for line in [
        "vtn = \"http://127.0.0.1:8080\" # --vtn",
        "name = \"007\" # --name",
        "resources = [\"a,b\", \"c\"] # --resource",
        "market_contexts = [\"http://example.com/a\", \"http://example.com/b\"] # OADR_MARKET_CONTEXTS",
        "on_event_timeout = 2.5 # --on-event-timeout",
        "http_password is set and not shown # OADR_HTTP_PASSWORD",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(
        !text.contains("\"secret\"") && !text.contains("= secret"),
        "{text}"
    );
    let temp = TempDir::new("settings").unwrap();
    let path = file(&temp, &text);
    // Options that a command line must have may as well be in the file.
    let again = printed(&["ven", "--config", &path], &[]);
    assert!(again.contains("resources = [\"a,b\", \"c\"] # "), "{again}");
    assert!(again.contains("# http_password is not set\n"), "{again}");
}

#[test]
fn report_policies_have_commas_of_their_own() {
    let temp = TempDir::new("settings").unwrap();
    let names = |config: crate::vtn::Config| {
        let policies = config.report_policies.into_iter();
        let told = policies.map(|policy| format!("{} {}", policy.name, policy.report_back));
        told.collect::<Vec<_>>()
    };
    let text = "a:granularity=PT1M,back=PT15M; b:granularity=PT1M";
    let variables = [("OADR_REPORT_POLICIES", text)];
    assert_eq!(names(vtn(&[], &variables)), ["a PT15M", "b PT1M"]);
    let words = [
        "--report-policy",
        text,
        "--report-policy=c:granularity=PT1S",
    ];
    let config = vtn(&words, &variables);
    assert_eq!(names(config), ["a PT15M", "b PT1M", "c PT1S"]);
    let path = file(
        &temp,
        "report_policies = [\"a:granularity=PT1M,back=PT15M\"]",
    );
    assert_eq!(names(vtn(&["--config", &path], &[])), ["a PT15M"]);
    let printed = printed(&["vtn", "--config", &path], &[]);
    let line = "report_policies = [\"a:granularity=PT1M,back=PT15M\"] # ";
    assert!(printed.contains(line), "{printed}");

    let path = file(&temp, "\nreport_policies = [\"a:every=PT1M\"]");
    let error = refusal(&["vtn", "--config", &path], &[]);
    let said = "line 2: report_policies: every is not known; there are ven,";
    assert!(error.contains(said), "{error}");
}

#[test]
fn a_slip_is_told_with_its_place() {
    let temp = TempDir::new("settings").unwrap();
    for (text, said) in [
        (
            "\npol_interval = \"PT5S\"",
            "line 2: there is no setting pol_interval; there are listen,",
        ),
        ("config = \"x\"", "line 1: there is no setting config"),
        ("print_config = true", "there is no setting print_config"),
        (
            "[vtn]\nlisten = \"127.0.0.1:1\"",
            "line 1: there is no setting vtn",
        ),
        (
            "listen = \"here\"",
            "line 1: listen: invalid socket address syntax",
        ),
        ("\n\npoll_interval = \"5\"", "line 3: poll_interval: "),
        (
            "dev = \"perhaps\"",
            "line 1: dev: is not one of true, false",
        ),
        (
            "log_format = \"xml\"",
            "line 1: log_format: is not one of text, json",
        ),
        (
            "listen = [\"127.0.0.1:1\"]",
            "line 1: listen must be a string",
        ),
        (
            "vtn_id = 0x10",
            "line 1: vtn_id must be a string, a decimal number",
        ),
        ("vtn_id = 1979-05-27", "line 1: vtn_id must be"),
        ("dev = true\ndev = true", "line 2"),
        ("dev = ", "line 1"),
    ] {
        let path = file(&temp, text);
        let error = refusal(&["vtn", "--config", &path], &[]);
        assert!(error.contains("oadr.toml"), "{text}: {error}");
        assert!(error.contains(said), "{text}: {error}");
    }
    let path = file(&temp, "resources = \"a\"");
    let error = refusal(&["ven", "--config", &path], &[]);
    assert!(
        error.ends_with("resources must be a list of strings"),
        "{error}"
    );
    let error = refusal(&["vtn", "--config", "/no/such/file"], &[]);
    assert!(error.starts_with("cannot read /no/such/file: "), "{error}");

    // A value that would not even count.
    let words = ["vtn", "--listen", "127.0.0.1:1"];
    let error = refusal(&words, &[("OADR_LISTEN", "there")]);
    assert_eq!(error, "OADR_LISTEN: listen: invalid socket address syntax");
    let error = refusal(&["vtn"], &[("OADR_DEV", "1")]);
    assert_eq!(error, "OADR_DEV: dev: is not one of true, false");
    let error = refusal(&["ven"], &[("OADR_NAME", "Pump1")]);
    assert!(
        error.contains("--vtn <URL>") && !error.contains("--name"),
        "{error}"
    );
    assert!(refusal(&["vtn", "--bogus"], &[]).contains("--bogus"));
}

#[test]
fn a_slip_in_an_option_is_told_and_not_that_another_one_is_missing() {
    for (words, said) in [
        (&["ven", "--opt", "perhaps"][..], "'perhaps' for '--opt"),
        (&["ven", "--report", "a unti=x source=file:b"], "unti=x"),
        (
            &["vtn", "--poll-interval", "soon"],
            "'soon' for '--poll-interval",
        ),
    ] {
        let error = refusal(words, &[]);
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn the_commands_take_their_variables_too() {
    let variables = [("OADR_LOG", "debug"), ("OADR_LOG_FORMAT", "json")];
    let Line::Run(cli) = line(&["vens", "list"], &variables).unwrap() else {
        panic!("nothing is to be printed");
    };
    assert_eq!(cli.log.log.as_deref(), Some("debug"));
    assert_eq!(cli.log.log_format, crate::LogFormat::Json);
    // But no file: they have nothing to be set in it.
    let variables = [("OADR_CONFIG", "/no/such/file")];
    assert!(line(&["vens", "list"], &variables).is_ok());
}

#[test]
fn help_names_every_variable() {
    for (command, settings) in [("vtn", of::<VtnSettings>()), ("ven", of::<VenSettings>())] {
        let help = refusal(&[command, "--help"], &[("OADR_CONFIG", "/no/such/file")]);
        for setting in settings.iter().chain(&of::<LogArgs>()) {
            let variable = format!("[env: {}]", variable_of(setting));
            assert!(help.contains(&variable), "{variable}: {help}");
        }
    }
}
