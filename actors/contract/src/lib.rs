//! What may be said: nouns, mail, ports and causes.
