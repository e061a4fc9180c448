//! Whether an answer is known already.
//!
//! The step stands in the line so that later storage changes no caller. It is empty for now: a
//! look-up is always [`Lookup::Off`].

/// What the cache says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Nothing is cached for anybody.
    Off,
}

impl Lookup {
    /// The value of `x-crabllm-cache`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Off => "off",
        }
    }
}

/// Looks an answer up.
#[must_use]
pub const fn lookup() -> Lookup {
    Lookup::Off
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_is_cached() {
        assert_eq!(super::lookup().label(), "off");
    }
}
