//! Tests of the real binaries and the library's public API: one file per behaviour.

mod support;

mod alertmanager;
mod bad_input;
mod compare;
mod conservation;
mod dashboards;
mod discovery;
mod events;
mod faults;
mod gate;
mod history;
mod hooks;
mod http;
mod inbox;
mod ingest;
mod manifests;
mod observability;
mod page;
mod rank;
mod rules;
mod scrapes;
mod serve;
mod tidy;
mod top;

#[cfg(feature = "torch")]
mod experiment;
#[cfg(feature = "torch")]
mod interrupted;
#[cfg(feature = "torch")]
mod mnist;
#[cfg(feature = "torch")]
mod onset;
#[cfg(feature = "torch")]
mod training;
#[cfg(feature = "torch")]
mod watched_training;
mod web_config;
