//! The program and its library as users see them: over HTTP, over the command line, through restarts.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed test may panic"
)]

mod api_access;
mod api_events;
mod api_opts;
mod api_readings;
mod api_report_policies;
mod api_reports;
mod api_vens;
mod authority;
mod backup;
mod doctor;
mod folder;
mod green_button;
mod life;
mod membership;
mod pki;
mod port;
mod process;
mod program;
mod push_ven;
mod readings_example;
mod readings_over_http;
mod readings_retention;
mod report_wire;
mod schema;
mod served;
mod settings;
mod token;
mod ven_callbacks;
mod ven_example;
mod ven_handlers;
mod ven_library;
mod ven_opts;
mod ven_push;
mod ven_reports;
mod vtn_directory;
mod vtn_events;
mod vtn_example;
mod vtn_handlers;
mod vtn_opt_handlers;
mod vtn_pushes;
mod vtn_pushes_secure;
mod vtn_report_handlers;
mod vtn_security;
mod wire;
