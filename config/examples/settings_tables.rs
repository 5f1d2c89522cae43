//! Prints the two tables of the README.

fn main() {
    println!("{}\n{}", config::document::settings_table(), config::document::peer_table());
}
