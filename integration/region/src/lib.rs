//! A small AWS, pure: (request, now) -> reply and effects.
