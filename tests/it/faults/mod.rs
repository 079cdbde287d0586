//! Every fault and abuse that the program must survive, under its number in SECURITY.md's table, against the real daemon.

mod access;
mod bodies;
mod clock;
mod configuration;
mod connections;
mod disk;
mod ends;
mod hooks;
mod inbox;
mod kills;
mod load;
mod names;
mod pages;
mod requests;
mod runs;
mod start;
mod table;
mod unfit;
mod values;
mod worker;
