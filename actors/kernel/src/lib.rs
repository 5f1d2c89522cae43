//! Who lives: rooms, links and supervision, above actix and below everything else.
