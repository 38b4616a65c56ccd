//! Tests of the whole, from the manifest to the guests of both languages.

mod artifacts;
mod callbacks;
mod capacity;
mod check;
mod cli;
mod commands;
mod foreign;
mod hostile;
mod limits;
mod loading;
mod names;
mod pairs;
mod plural;
mod readme;
mod supervision;
mod support;
mod talk;
mod vectors;
mod witness;
mod wordcount;
