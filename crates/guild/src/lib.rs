//! Pure guild state: command in, events out.
