//! The front door: one file per CNI verb; moves frames, owns nothing.
