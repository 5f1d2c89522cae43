//! Layered settings that keep their provenance.
