//! Tidiness, documents and deploy files checked as tests.
