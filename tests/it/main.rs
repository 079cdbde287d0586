//! The real binaries and the real library from outside: one file per behaviour.

mod support;

mod conservation;
mod strange_values;
