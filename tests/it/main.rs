//! Tests of the real binaries and the library's public API: one file per behaviour.

mod support;

mod alertmanager;
mod bad_input;
mod catalogue;
mod compare;
mod conservation;
mod dashboards;
mod discovery;
mod events;
mod experiment;
mod faults;
mod gate;
mod golden_measures;
mod history;
mod hooks;
mod http;
mod inbox;
mod ingest;
mod interleavings;
mod interrupted;
mod laws;
mod manifests;
mod measure_command;
mod mnist;
mod observability;
mod onset;
mod page;
mod rank;
mod replay;
mod rows;
mod rules;
mod scrapes;
mod serve;
mod tidy;
mod top;
mod training;
mod watched_training;
mod web_config;

// `interleavings` compiles the gate's own file, which names its imports from the root of its crate.
use rotewatch_core::vocabulary;
