//! What every backend of [`Store`] has to do.
